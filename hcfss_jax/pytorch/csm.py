"""What the modules of CSM are called in its authors' code (github.com/abc123abc804/CSM): TCM's names, but in blocks."""

from hcfss_jax.models.csm import CSMConfig
from hcfss_jax.pytorch import tcm
from hcfss_jax.pytorch.layers import VSS
from hcfss_jax.pytorch.names import Names, within

ACP = {
    "conv1": "net.0",
    "conv2": "net.2",
    "squeeze": "channelattention.1",
    "excite": "channelattention.3",
}
HYBRID = {
    **tcm.HYBRID,
    **within("global_path", "mambaVC_block", VSS),
    **within("acp", "score", ACP),
}


def modules(config: CSMConfig) -> dict[str, str]:
    """Every module that owns parameters, by its name here, to its name there."""
    return tcm.modules(config, HYBRID)


NAMES = Names(modules)

#!/bin/sh
# 64-bit ARM by emulation, for `python -m eval.noise --arm FOLDER`:
#
#     sh eval/arm_setup.sh FOLDER [PYTHON]
#
# Needs a Debian or Ubuntu that has Python 3.11, apt-get and pip; neither root nor anything installed system-wide. All
# of it, 1.1 GB, lies in FOLDER. PYTHON: whose versions of JAX and the like are taken; default: python.
set -eu
[ $# -ge 1 ] || { echo "usage: $0 FOLDER [PYTHON]" >&2; exit 2; }
mkdir -p "$1/apt/partial" "$1/aptcache/archives/partial" "$1/debs" "$1/root"
folder=$(cd "$1" && pwd)
python=$(command -v "${2:-python}")
case $python in /*) ;; *) python=$PWD/$python ;; esac  # other folders are gone to below
rm -f "$folder/complete"

cd "$folder/debs"
apt-get download qemu-user-static
dpkg -x qemu-user-static*.deb "$folder/qemu"
rm qemu-user-static*.deb
arm="-oAPT::Architecture=arm64 -oAPT::Architectures=arm64 -oDir::State::Lists=$folder/apt -oDir::Cache=$folder/aptcache"
apt-get $arm update
apt-get $arm download python3.11 python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libc6 libgcc-s1 \
    libstdc++6 zlib1g libssl3 libffi8 libexpat1 libbz2-1.0 liblzma5 libsqlite3-0 libuuid1 libncursesw6 libtinfo6 \
    libreadline8 libdb5.3 libcrypt1 libnsl2 libtirpc3 media-types
for package in *.deb; do dpkg -x "$package" "$folder/root"; done
rm ./*.deb

packages=$("$python" -c 'from importlib.metadata import version
for name in "jax jaxlib flax numpy pillow safetensors scipy tqdm absl-py".split():
    print(f"{name}=={version(name)}")')
platforms=""
for libc in manylinux2014 manylinux_2_17 manylinux_2_27 manylinux_2_28; do
    platforms="$platforms --platform ${libc}_aarch64"
done
"$python" -m pip install --quiet --upgrade --only-binary=:all: --implementation cp --python-version 3.11 --abi cp311 \
    --abi abi3 --abi none $platforms --target "$folder/site" $packages
touch "$folder/complete"
echo "python -m eval.noise --arm $folder ..."

# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""
Builds the disk of a device with two slots: Debian, its kernel, RAUC, GRUB and devbus as `make install` leaves it.

Nothing is mounted and no loop device is needed: each partition is made as a file and copied to its place. What is slow
(Debian's packages, the build of devbus) is kept in the folder between runs.
"""

import functools
import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "rauc"))

from bundles import Keys, fresh, run  # noqa: E402

COMPATIBLE = "devbus-vm"

MIB = 1 << 20
SLOT_MIB = 480
DATA_MIB = 800
GRUB_MIB = 16
# Number: (start, size) in MiB. 1 is what a BIOS installation of GRUB would use; QEMU starts GRUB by itself.
PARTITIONS = {1: (1, 1), 2: (2, GRUB_MIB), 3: (18, SLOT_MIB), 4: (18 + SLOT_MIB, SLOT_MIB), 5: (18 + 2 * SLOT_MIB, DATA_MIB)}
DISK_MIB = 18 + 2 * SLOT_MIB + DATA_MIB + 1

PACKAGES = (
    "linux-image-cloud-amd64 systemd-sysv dbus udev rauc rauc-service grub-common e2fsprogs iproute2 ca-certificates polkitd"
    " libpaho-mqtt1.3 libcjson1 libsqlite3-0 libcurl4 libssl3 libsystemd0 mosquitto mosquitto-clients"
)
GRUB_MODULES = "biosdisk part_gpt ext2 normal linux loadenv test serial terminal configfile echo"

TOOLS = "mmdebstrap mkfs.ext4 sfdisk grub-mkimage grub-editenv rauc mksquashfs openssl qemu-system-x86_64"


def missing_tools():
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    return [tool for tool in TOOLS.split() if not shutil.which(tool, path=path)]


def file_system(folder, size_mib, target, *options):
    target.unlink(missing_ok=True)
    run("mkfs.ext4", "-q", "-F", *options, "-d", folder, target, f"{size_mib}M")
    return target


class ImageBuilder:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.keys = Keys(self.folder / "keys")

    def debian(self):
        """Debian's packages as a folder."""
        root = self.folder / "debian"
        if not root.exists():
            archive = self.folder / "debian.tar"
            release = run("sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME").strip()
            run("mmdebstrap", "--variant=minbase", "--include=" + PACKAGES.replace(" ", ","),
                *(f"--dpkgopt=path-exclude=/usr/share/{what}/*" for what in ("doc", "man", "locale")), release, archive)
            part = fresh(self.folder / "debian.part")
            run("tar", "-xpf", archive, "-C", part)
            archive.unlink()
            part.rename(root)
        return root

    @functools.cached_property
    def devbus(self):
        """devbus as `make install` leaves it, with a distribution's folders."""
        build, target = self.folder / "build", self.folder / "installed"
        build.mkdir(exist_ok=True)
        if not (build / "config.status").exists():
            run(SOURCE / "configure", "--prefix=/usr", "--sysconfdir=/etc", "--localstatedir=/var", cwd=build)
        shutil.rmtree(target, ignore_errors=True)
        run("make", f"-j{os.cpu_count()}", "install", f"DESTDIR={target}", cwd=build)
        return target

    def slot(self, version, prepare=None):
        """The file system of a slot with that version; prepare(root) may change it first."""
        root = self.folder / "root"
        shutil.rmtree(root, ignore_errors=True)
        run("cp", "-a", "--reflink=auto", self.debian(), root)
        run("cp", "-a", f"{self.devbus}/.", root)
        run("cp", "-rT", HERE / "overlay", root)
        shutil.copy(self.keys.authority, root / "etc/rauc/ca.pem")
        for folder in ("data", "boot/grub-env", "etc/devbus", "var/lib/devbus"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        with (root / "usr/lib/os-release").open("a") as release:
            release.write(f"IMAGE_VERSION={version}\n")
        (root / "etc/machine-id").write_text("")
        (root / "etc/hostname").write_text("device\n")
        if prepare:
            prepare(root)
        image = file_system(root, SLOT_MIB, self.folder / f"slot-{version}.ext4")
        shutil.rmtree(root)
        return image

    def bundle(self, version, image, signer="ca"):
        return self.keys.bundle(self.folder / f"{version}.raucb", image, version, COMPATIBLE, signer=signer)

    def grub(self):
        """GRUB as something that QEMU starts like a Linux kernel."""
        core, target = self.folder / "core.img", self.folder / "grub.lkrn"
        run("grub-mkimage", "-O", "i386-pc", "-p", "(hd0,gpt2)/grub", "-o", core, *GRUB_MODULES.split())
        target.write_bytes(Path("/usr/lib/grub/i386-pc/lnxboot.img").read_bytes() + core.read_bytes())
        return target

    def disk(self, slot_a, data):
        """A disk that boots slot A; slot B is empty. @data: folder for the partition that outlives updates."""
        disk = self.folder / "disk.img"
        disk.unlink(missing_ok=True)
        with open(disk, "wb") as file:
            file.truncate(DISK_MIB * MIB)
        table = "label: gpt\n" + "".join(f"start={start}MiB, size={size}MiB, type=L\n" for start, size in PARTITIONS.values())
        run("sfdisk", "-q", disk, input=table)
        grub = fresh(self.folder / "grub-partition")
        (grub / "grub").mkdir()
        shutil.copy(HERE / "grub.cfg", grub / "grub")
        run("grub-editenv", grub / "grub/grubenv", "create")
        run("grub-editenv", grub / "grub/grubenv", "set", "ORDER=A B", "A_OK=1", "B_OK=0", "A_TRY=0", "B_TRY=0")
        # GRUB does not read journals: after a power cut it would go by variables of half a minute ago.
        for number, content in ((2, file_system(grub, GRUB_MIB, self.folder / "grub.ext4", "-O", "^has_journal")), (3, slot_a),
                                (5, file_system(data, DATA_MIB, self.folder / "data.ext4"))):
            run("dd", f"if={content}", f"of={disk}", "bs=1M", f"seek={PARTITIONS[number][0]}", "conv=notrunc,sparse", "status=none")
        return disk

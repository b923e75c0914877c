# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""RAUC bundles, and keys to sign them: of an authority that a device knows, and of a stranger."""

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent


def run(*command, **options):
    """Runs it to its good end, and returns what it printed."""
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    done = subprocess.run([str(word) for word in command], env=dict(os.environ, PATH=path), text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, **options)
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}:\n{done.stdout[-3000:]}"
    return done.stdout


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


class Keys:
    """Two authorities, `ca` and `stranger`, each with a signer of bundles."""

    def __init__(self, folder):
        self.folder = Path(folder)
        if not self.folder.exists():
            part = fresh(Path(f"{folder}.part"))
            for name in ("ca", "stranger"):
                self._authority(part, name)
            part.rename(self.folder)

    @staticmethod
    def _authority(folder, name):
        new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        run("openssl", "req", "-x509", *new_key, "-days", "3650", "-subj", f"/CN=devbus test {name}",
            "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem")
        run("openssl", "req", *new_key, "-subj", "/CN=devbus test signer", "-keyout", folder / f"{name}-signer.key",
            "-out", folder / "request.pem")
        run("openssl", "x509", "-req", "-days", "3650", "-in", folder / "request.pem", "-CA", folder / f"{name}.pem",
            "-CAkey", folder / f"{name}.key", "-CAcreateserial", "-extfile", HERE / "signer.ext",
            "-out", folder / f"{name}-signer.pem")

    @property
    def authority(self):
        return self.folder / "ca.pem"

    def bundle(self, target, image, version, compatible, form="verity", signer="ca"):
        """A bundle with @image for the slots of class rootfs. rauc changes the manifest it reads, so it gets a fresh one."""
        content = fresh(Path(f"{target}.content"))
        os.link(image, content / "rootfs.ext4")
        (content / "manifest.raucm").write_text(f"[update]\ncompatible={compatible}\nversion={version}\n\n"
                                                f"[bundle]\nformat={form}\n\n[image.rootfs]\nfilename=rootfs.ext4\n")
        Path(target).unlink(missing_ok=True)
        run("rauc", "bundle", f"--cert={self.folder / signer}-signer.pem", f"--key={self.folder / signer}-signer.key", content, target)
        shutil.rmtree(content)
        return Path(target)

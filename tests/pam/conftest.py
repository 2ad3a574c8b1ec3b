# SPDX-License-Identifier: Apache-2.0
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from rig import PAM_WRAPPER_MODULES, Stack  # noqa: E402


@pytest.fixture
def stack():
    if not PAM_WRAPPER_MODULES:
        pytest.skip("pam_wrapper is not installed")
    directory = Path(tempfile.mkdtemp(prefix="pam-"))
    directory.chmod(0o755)
    s = Stack(directory)
    yield s
    s.close()
    shutil.rmtree(directory)

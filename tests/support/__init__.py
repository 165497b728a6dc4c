# SPDX-License-Identifier: Apache-2.0
"""What the Python tests share. Import from support.harness; the other modules are its parts."""

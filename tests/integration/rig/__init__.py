# SPDX-License-Identifier: Apache-2.0
"""What the cases stand on: the agent, a guest of its own to run it in, and a private system bus."""

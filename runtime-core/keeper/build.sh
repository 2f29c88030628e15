#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the keeper: one static program, hardened. Silent and instant when it is up to date.
# CC names another compiler, OUT another place (relative to this directory): a cross compiler needs both.
set -eu
cd "$(dirname "$0")"
out=${OUT:-build/gantry-keeper}
if [ -x "$out" ] && [ -z "$(find . -maxdepth 1 \( -name '*.c' -o -name '*.h' -o -name build.sh \) -newer "$out")" ]; then exit 0; fi
mkdir -p "$(dirname "$out")"
"${CC:-cc}" -std=c17 -O2 -g0 -Wall -Wextra -Werror -Wno-missing-field-initializers \
  -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fno-plt -ffunction-sections -fdata-sections \
  -static -Wl,--gc-sections,-z,relro,-z,now,-z,noexecstack -s \
  -o "$out.new" main.c birth.c command.c conn.c criu.c criu_main.c interpret.c interpret_copy.c interpret_file.c interpret_hook.c \
  interpret_mount.c interpret_netdev.c interpret_notify.c interpret_path.c interpret_process.c interpret_runtime.c \
  interpret_sched.c interpret_user.c launch.c launcher.c launcher_io.c log.c plan.c process.c relay.c restore.c signals.c stream.c
mv "$out.new" "$out"

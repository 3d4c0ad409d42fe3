// What the settings of lists read from a file have in common, and their checks. Used by settings.ts of access-list
// and access-keys.
import { type Finding, problem, warning } from '../config/schema.ts'
import { refuseNul, type Setting, string } from '../config/setting.ts'
import { type PrivilegeConfig, pathBelow } from '../process/privileges.ts'
import type { ListConfig } from './reloader.ts'

/** The setting `path` of a list's section. */
export function listPath(explanation: string): Setting<string> {
  return string('', { allowed: "a file, or ''", check: refuseNul }, explanation)
}

/** `off`: the consequence of a path without a mode, and the remedy. */
export function listFindings(
  section: string,
  { mode, path }: ListConfig,
  { drop_privileges, chroot_path }: PrivilegeConfig,
  off: string,
): Finding[] {
  const paths = { mode: `${section}.mode`, path: `${section}.path` }
  if (mode === 'off') {
    if (path === '') return []
    const text = `[${section}] path names a list, but mode is 'off': ${off}`
    return [warning([paths.mode, paths.path], text)]
  }
  if (path === '') {
    const text = `[${section}] mode = '${mode}' needs a list: name its file in [${section}] path.`
    return [problem([paths.path, paths.mode], text)]
  }
  if (!drop_privileges || pathBelow(chroot_path, path) !== null) return []
  const text = `[${section}] path ('${path}') is not below [privileges] chroot_path
    ('${chroot_path}'): it is read at startup, but cannot be read again.`
  return [warning([paths.path, 'privileges.chroot_path'], text)]
}

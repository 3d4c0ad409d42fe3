// Where the history is kept ([statistics] history_path), and what can be wrong with that. Used by tracker/settings.ts
// and tracker/pages.ts.
import { resolve } from 'node:path'
import { type Finding, problem } from '../config/schema.ts'
import { type PrivilegeConfig, pathBelow } from '../process/privileges.ts'

interface HistoryConfig {
  readonly statistics: { readonly history_path: string }
  readonly privileges: PrivilegeConfig
}

export function historyFindings({ statistics, privileges }: HistoryConfig): Finding[] {
  const { history_path } = statistics
  const { drop_privileges, chroot_path } = privileges
  const isReached = !drop_privileges || pathBelow(chroot_path, history_path) !== null
  if (history_path === '' || chroot_path === '' || isReached) return []
  const text = `[statistics] history_path ('${history_path}') is not below [privileges] chroot_path ('${chroot_path}'),
    so it cannot be reached once the root directory has changed: write a file below it.`
  return [problem(['statistics.history_path', 'privileges.chroot_path'], text)]
}

/** `rootChanged`: paths begin at the new root directory. Null if the setting names no file. */
export function historyPath(
  { statistics, privileges }: HistoryConfig,
  rootChanged: boolean,
): string | null {
  const { history_path } = statistics
  if (history_path === '') return null
  const path = resolve(history_path)
  return rootChanged ? (pathBelow(privileges.chroot_path, history_path) ?? path) : path
}

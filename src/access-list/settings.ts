// The settings section [access_list], the same in every tracker, and its checks. Used by the
// protocols' config.ts and by reloader.ts.
import { type ConfigOf, type Finding, problem, section, warning } from '../config/schema.ts'
import { choice, string } from '../config/setting.ts'
import { type PrivilegeConfig, pathBelow } from '../process/privileges.ts'

export const accessListSettings = section('Which torrents the tracker serves.', {
  mode: choice(
    'off',
    ['off', 'allow', 'deny'],
    `'allow' serves only the torrents in the list, 'deny' all others, 'off' all.

    An announce of a torrent that is not served gets the error "Info hash not allowed", a scrape
    zeros. Its peers are removed at the next cleaning.`,
  ),
  path: string(
    '',
    { allowed: "a file, or ''", check: refuseNul },
    `The list: a text file with one info hash per line, as 40 hex digits, or 64 for a BitTorrent v2
    torrent, of which clients announce the first 40. Blank lines and comments that begin with # are
    allowed.

    Startup fails if the file cannot be read or has a wrong line. The file is read again when it
    changes and on SIGUSR1; if it is wrong then, that is logged and the previous list stays in
    force. A million info hashes take about 30 MB of memory. A file that is being written is read
    only once its size and time have stopped changing; replace it by renaming to be sure that no
    half of it is read. With [privileges] drop_privileges, the file can be read again only if it
    lies below chroot_path and the user can read it there.`,
  ),
})

export type AccessListConfig = ConfigOf<{ access_list: typeof accessListSettings }>['access_list']

/** What is wrong with the section as a whole. */
export function accessListFindings(
  { mode, path }: AccessListConfig,
  { drop_privileges, chroot_path }: PrivilegeConfig,
): Finding[] {
  if (mode === 'off') {
    if (path === '') return []
    const text = `[access_list] path names a list, but mode is 'off': all torrents are served. Set
      mode = 'allow' or mode = 'deny'.`
    return [warning(['access_list.mode', 'access_list.path'], text)]
  }
  if (path === '') {
    const text = `[access_list] mode = '${mode}' needs a list: name its file in [access_list] path.`
    return [problem(['access_list.path', 'access_list.mode'], text)]
  }
  if (!drop_privileges || pathBelow(chroot_path, path) !== null) return []
  const text = `[access_list] path ('${path}') is not below [privileges] chroot_path
    ('${chroot_path}'): it is read at the start, but cannot be read again.`
  return [warning(['access_list.path', 'privileges.chroot_path'], text)]
}

function refuseNul(text: string) {
  return text.includes('\u0000') ? { fault: 'holds a NUL character', remedy: 'Delete that' } : null
}

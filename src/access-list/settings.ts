// The settings section [access_list], the same in every tracker, and its checks. Used by the
// protocols' config.ts and by keeper.ts. Owns nothing.
import { type ConfigOf, type Finding, problem, section, warning } from '../config/schema.ts'
import { choice, string } from '../config/setting.ts'
import { type PrivilegeConfig, pathBelow } from '../process/privileges.ts'

export const accessListSettings = section('Which torrents the tracker serves.', {
  mode: choice(
    'off',
    ['off', 'allow', 'deny'],
    `'allow' serves only the torrents in the list, 'deny' all others, 'off' all.

    An announce of a torrent that is not served gets the error "Info hash not allowed", a scrape zeros;
    peers that it had leave at the next cleaning.`,
  ),
  path: string(
    '',
    { allowed: "a file, or ''", check: refuseNul },
    `The list: a text file with one info hash per line, in 40 hex digits, or in 64 for a BitTorrent v2
    torrent, of which clients announce the first 40. Blank lines are allowed, and comments that begin
    with #.

    A file that cannot be read or has a wrong line stops the start. It is read again when it changes
    and on SIGUSR1; a file that is wrong then is logged, and the previous list stays in force. A million info
    hashes take about 30 MB of memory. A file that is being written is not read before its size and
    time have held still; to be sure that no half of it is read, replace it by renaming. With [privileges] drop_privileges it must lie below chroot_path, readable for the
    user there, to be read again after the start.`,
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

// The settings section [access_list], the same in every tracker, and its checks. Used by the
// protocols' config.ts and by reloader.ts.
import { type ConfigOf, type Finding, section } from '../config/schema.ts'
import { choice } from '../config/setting.ts'
import { listFindings, listPath } from '../list-file/settings.ts'
import type { PrivilegeConfig } from '../process/privileges.ts'

export const accessListSettings = section('Which torrents the tracker serves.', {
  mode: choice(
    'off',
    ['off', 'allow', 'deny'],
    `'allow' serves only the torrents in the list, 'deny' all others, 'off' all.

    An announce of a torrent that is not served gets the error "Info hash not allowed", a scrape
    zeros. Its peers are removed at the next cleaning.`,
  ),
  path: listPath(
    `The list: a text file with one info hash per line, as 40 hex digits, or 64 for a BitTorrent v2
    torrent, of which clients announce the first 40. Blank lines and comments that begin with # are
    allowed.

    Startup fails if the file cannot be read or has a wrong line. The file is read again when it
    changes and on SIGUSR1; if it is wrong then, that is logged and the previous list stays in
    force. A million info hashes take about 30 MB of memory. A file that is being written is read
    only once its size and time have stopped changing; replace it by renaming to be sure that no
    half of it is read. With [privileges] drop_privileges, the file can be read again only if it
    lies below chroot_path and the user can read it there.

    Edits over the operations endpoint ([operations] token_path) are kept in a file beside this one,
    whose name has .edits at its end, and hold until this file says the same.`,
  ),
})

export type AccessListConfig = ConfigOf<{ access_list: typeof accessListSettings }>['access_list']

export function accessListFindings(
  config: AccessListConfig,
  privileges: PrivilegeConfig,
): Finding[] {
  const off = "all torrents are served. Set mode = 'allow' or mode = 'deny'."
  return listFindings('access_list', config, privileges, off)
}

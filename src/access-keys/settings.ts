// The settings section [access_keys], the same in every tracker, and its checks. Used by the protocols'
// config.ts and by reloader.ts.
import { type ConfigOf, type Finding, section } from '../config/schema.ts'
import { choice, integer } from '../config/setting.ts'
import { listFindings, listPath } from '../list-file/settings.ts'
import type { PrivilegeConfig } from '../process/privileges.ts'
import { KEY_BYTES_MAX } from './key-hash.ts'

const GUESSES_MAX = 100_000

export const accessKeySettings = section('Who may use the tracker: keys in the announce URL.', {
  mode: choice(
    'off',
    ['off', 'required'],
    `'required' serves only clients whose announce URL has a key from the list in its path, as
    /KEY/announce or /announce/KEY. 'off' serves everyone and ignores keys.

    Over HTTP the key is in the URL of announces and scrapes, over WebSocket in the URL of the
    connection, over UDP in the URL that clients add to announces (BEP 41). With 'required', requests
    without a valid key get an error; so do all UDP scrapes, which cannot carry a key.`,
  ),
  path: listPath(
    `The list of keys: a text file with one key per line, of 1 to ${KEY_BYTES_MAX} letters, digits, - and _. An
    expiry may follow the key: a date such as 2027-01-31, the last day (UTC) on which the key is valid;
    a time such as 2027-01-31T12:00:00Z; or seconds since 1970. If a key is listed twice, the last line
    counts. Blank lines and comments that begin with # are allowed.

    Startup fails if the file cannot be read or a line is invalid. The file is read again when it changes
    and on SIGUSR1; if it is invalid then, the log says so, without the key, and the previous list stays
    in force. A million keys take about 30 MB of memory. Replace the file by renaming, so that it is
    never read half written. With [privileges] drop_privileges, it can be read again only if it is
    below chroot_path and the user can read it there.`,
  ),
  unknown_keys_per_minute: integer(
    60,
    { min: 0, max: GUESSES_MAX },
    `Look up at most this many unknown keys per minute from one IPv4 address or IPv6 /64. 0 = no limit.
    After a pause, up to ten times as many are looked up at once.

    Beyond that, all requests from the address get an error until some time has passed, so that nobody
    can guess keys. Valid and expired keys do not count. An IPv6 /48 may try four times as many.`,
  ),
})

export type AccessKeyConfig = ConfigOf<{ access_keys: typeof accessKeySettings }>['access_keys']

/** What is wrong with the section as a whole. */
export function accessKeyFindings(config: AccessKeyConfig, privileges: PrivilegeConfig): Finding[] {
  return listFindings(
    'access_keys',
    config,
    privileges,
    "no key is required. Set mode = 'required'.",
  )
}

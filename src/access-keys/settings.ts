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
    `'required' serves only clients whose announce URL has a key of the list in its path, as
    /KEY/announce or /announce/KEY. 'off' serves everyone, and ignores keys.

    Over HTTP the key stands in the URL of announces and scrapes, over WebSocket in that of the
    connection, over UDP in the URL that clients add to announces (BEP 41). UDP scrapes, which
    cannot carry a key, then get an error, as do all requests without a valid key.`,
  ),
  path: listPath(
    `The keys: a text file with one key per line, of 1 to ${KEY_BYTES_MAX} letters, digits, - and _. A
    key that is to end has a time behind it: a date such as 2027-01-31, the last day (UTC) on which
    it is valid; a time such as 2027-01-31T12:00:00Z; or seconds since 1970. Of a key that is there
    twice the last line counts. Blank lines and comments that begin with # are allowed.

    Startup fails if the file cannot be read or has a wrong line. The file is read again when it
    changes and on SIGUSR1; if it is wrong then, that is logged, without the key, and the previous
    list stays in force. A million keys take about 30 MB of memory. Replace the file by renaming to
    be sure that no half of it is read. With [privileges] drop_privileges, it can be read again only
    if it lies below chroot_path and the user can read it there.`,
  ),
  unknown_keys_per_minute: integer(
    60,
    { min: 0, max: GUESSES_MAX },
    `Look up at most this many unknown keys per minute from one address, an IPv4 address or an IPv6
    /64. 0 = no limit. After a pause, up to ten times as many at once are looked up.

    Beyond that, all requests from the address get an error until some time has passed: nobody can
    guess keys. Valid keys and keys that have ended do not count. An IPv6 /48 may try four times as
    many.`,
  ),
})

export type AccessKeyConfig = ConfigOf<{ access_keys: typeof accessKeySettings }>['access_keys']

/** What is wrong with the section as a whole. */
export function accessKeyFindings(config: AccessKeyConfig, privileges: PrivilegeConfig): Finding[] {
  return listFindings(
    'access_keys',
    config,
    privileges,
    "no key is asked for. Set mode = 'required'.",
  )
}

// The settings sections [network_list] and [client_list], the same in every tracker, and their checks. Used by
// tracker/settings.ts and reloader.ts.
import { type ConfigOf, type Finding, section } from '../config/schema.ts'
import { choice } from '../config/setting.ts'
import { listFindings, listPath } from '../list-file/settings.ts'
import type { PrivilegeConfig } from '../process/privileges.ts'

const FILE = `Startup fails if the file cannot be read or has a wrong line, which is named by its number. The file is
    read again when it changes and on SIGUSR1; if it is wrong then, that is logged and the previous list stays in
    force. Replace it by renaming, so that it is never read half written. With [privileges] drop_privileges, it can
    be read again only if it lies below chroot_path and the user can read it there.`

export const networkListSettings = section('Whom the tracker serves, by their networks.', {
  mode: choice(
    'off',
    ['off', 'allow', 'deny'],
    `'allow' serves only the networks in the list and this machine (127.0.0.0/8, ::1), 'deny' all others, 'off' all.

    What counts is the address that a request comes from, or the one that a trusted proxy names. Over UDP a connect
    gets the error "denied", and a request with a connection id from before a longer one; over HTTP announces and
    scrapes get a failure, and the connection ends (pages are for all: health checks and certificate authorities ask
    for them); a WebTorrent handshake gets status 403, and open connections of a network that a new list
    denies are closed. Peers that are stored already age out.`,
  ),
  path: listPath(
    `The list: a text file with one IPv4 or IPv6 address or network (CIDR) per line, such as 192.0.2.0/24 or
    2001:db8::/32. Blank lines and comments that begin with # are allowed. An IPv4-mapped IPv6 address is that IPv4
    address.

    ${FILE} A million networks of IPv4 take 8 MB of memory, of IPv6 32 MB.`,
  ),
})

export const clientListSettings = section(
  'Which clients the tracker serves, by the beginning of their peer ids.',
  {
    mode: choice(
      'off',
      ['off', 'allow', 'deny'],
      `'allow' serves only the clients in the list, 'deny' all others, 'off' all.

      An announce of a client that is not served gets the error "Client not allowed: use another one". Scrapes name no
      client and are served. A client can say anything in its peer id: this keeps out those that are honest about
      what they are, which most unwanted ones have turned out to be.`,
    ),
    path: listPath(
      `The list: a text file with the beginning of a peer id per line, of 1 to 20 bytes, such as -XL for all versions
      of a client or -XL0012- for one. \\xNN stands for a byte that is no visible ASCII character, and \\x23 for #.
      Capitals matter. Blank lines and comments that begin with # are allowed.

      ${FILE}`,
    ),
  },
)

export type ClientListConfig = ConfigOf<{ list: typeof clientListSettings }>['list']

interface ListConfigs {
  readonly network_list: ClientListConfig
  readonly client_list: ClientListConfig
}

export function clientListFindings(
  { network_list, client_list }: ListConfigs,
  privileges: PrivilegeConfig,
): Finding[] {
  const off = (who: string) => `all ${who} are served. Set mode = 'allow' or mode = 'deny'.`
  return [
    ...listFindings('network_list', network_list, privileges, off('networks')),
    ...listFindings('client_list', client_list, privileges, off('clients')),
  ]
}

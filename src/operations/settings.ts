// The settings section [operations], the same in every tracker. Used by the protocols' config.ts and
// by server.ts.
import { ADDRESS_FORMS, checkSocketAddress, parseSocketAddress } from '../config/address.ts'
import { type ListenSettings, listenAddresses, overlap } from '../config/listen.ts'
import { type ConfigOf, type Finding, problem, section, warning } from '../config/schema.ts'
import { boolean, refuseNul, string, stringOrList } from '../config/setting.ts'
import { isHostName } from './hosts.ts'

export const operationsSettings = section(
  'A web page and metrics for the operator, on a separate address.',
  {
    address: string(
      '',
      { allowed: `'' or ${ADDRESS_FORMS}`, check: checkAddress },
      `Serve them on this address over HTTP, such as '127.0.0.1:9000'. '' serves none.

      / is a page with charts of the last hour, /metrics has figures for Prometheus, /stats.json the
      figures that the page shows. /health returns 200 while all workers make progress, and lists other
      problems; /ready returns 200 while the tracker serves. Both return 503 otherwise.

      There is no password and no encryption: use an address that others cannot reach, and a reverse
      proxy to show it to more people.`,
    ),
    host_names: stringOrList(
      '',
      { allowed: "'', or a host name such as 'tracker.example.com'", check: checkHostName },
      `Host names that requests may use, such as 'tracker' in a container network. IP addresses and
      localhost are always accepted, other names are refused.

      Otherwise any web page opened in a browser near the tracker could point its own name at the
      endpoint's address and read it. If a reverse proxy passes on the outer name, list that name
      here.`,
    ),
    token_path: string(
      '',
      { allowed: "a file, or ''", check: refuseNul },
      `A file with a token, with which single info hashes are added to the access list and removed: by
      PUT and DELETE of /access-list/INFO_HASH, with the header "Authorization: Bearer TOKEN". GET tells
      whether one is listed. '' allows none of this.

      Changes are in force when they are answered, and are kept in a file beside the list, named like it
      with .edits at its end. The token is the file's first line, of at least 16 characters, and is read at startup. It
      gives nobody else any right, but travels unencrypted.`,
    ),
    show_info_hashes: boolean(
      false,
      `Show the twenty largest torrents with their info hashes on the page and in /stats.json.

      They are determined once a minute, at the cost of [statistics] torrent_peer_histograms.`,
    ),
  },
)

export type OperationsConfig = ConfigOf<{ operations: typeof operationsSettings }>['operations']

/** What may be a mistake about the section. */
export function operationsFindings({ address, token_path }: OperationsConfig): Finding[] {
  if (address === '') {
    if (token_path === '') return []
    const text = '[operations] token_path has no effect without address: there is no endpoint.'
    return [warning(['operations.token_path', 'operations.address'], text)]
  }
  const parsed = parseSocketAddress(address)
  if ('fault' in parsed || /^127\.|^::1$/.test(parsed.host)) return []
  const text = `[operations] address = '${address}' is not an address of this machine alone: whoever
    reaches it sees the figures and settings of the tracker, without a password.`
  return [warning(['operations.address'], text)]
}

/** `network`: where a protocol over TCP listens. */
export function operationsPortFindings(
  { address }: OperationsConfig,
  network: ListenSettings,
): Finding[] {
  const parsed = address === '' ? null : parseSocketAddress(address)
  if (parsed === null || 'fault' in parsed) return []
  const page = { ...parsed, dualStack: false, optional: false, portFromIndex: -1 }
  if (!listenAddresses(network).some((item) => overlap(item, page))) return []
  const text = `[operations] address = '${address}' has the port of the tracker itself ([network]): give the page another
    one, such as '127.0.0.1:9000'.`
  return [problem(['operations.address', 'network.address'], text)]
}

function checkAddress(text: string) {
  if (text === '') return null
  const fault = checkSocketAddress(text)
  // A port alone means every address elsewhere; here that would show the page to everybody.
  const port = /^(?:\*|localhost)?:?(\d+)$/.exec(text)?.[1]
  if (fault === null) return null
  if (port !== undefined) return { ...fault, remedy: `Write '127.0.0.1:${port}'` }
  // The port of the examples is the tracker's own, which aquatic_ws takes by TCP as well.
  return { ...fault, remedy: fault.remedy.replace(":3000'", ":9000'") }
}

function checkHostName(text: string) {
  if (text === '' || isHostName(text)) return null
  const [, name] = /^(?:https?:\/\/)?([^/:]+)(?::\d+)?\/?$/.exec(text) ?? []
  const example = name !== undefined && isHostName(name) ? name : 'tracker.example.com'
  return {
    fault: 'is not a host name',
    remedy: `Write it without scheme and port, such as '${example}'`,
  }
}

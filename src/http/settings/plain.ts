// The settings of plain HTTP beside HTTPS, their checks, and the resulting addresses. Used by config.ts and
// main.ts.
import { ADDRESS_FORMS, parseSocketAddress } from '../../config/address.ts'
import {
  checkListenAddress,
  duplicatesOf,
  type ListenSettings,
  listenAddresses,
} from '../../config/listen.ts'
import { type Finding, problem, warning } from '../../config/schema.ts'
import { choice, refuseNul, string, stringOrList } from '../../config/setting.ts'

export const plainSettings = {
  plain_address: stringOrList(
    '',
    { allowed: `'', or ${ADDRESS_FORMS}`, check: checkListenAddress },
    `With use_tls, also listen on these addresses without TLS, such as '0.0.0.0:80'. With
    address_ipv6 = 'auto', 0.0.0.0 means [::] as well.

    A TLS handshake costs as much as ten answers without one, and old torrents name the http:// URL.`,
  ),
  plain_requests: choice(
    'serve',
    ['serve', 'redirect'],
    `What plain_address does with requests: 'serve' answers them; 'redirect' sends clients to
    https://, at https_name, with status 301. /health is answered either way.

    With 'redirect', clients that do not follow redirects to https, such as those in Java by default, find
    no peers.`,
  ),
  https_name: string(
    '',
    { allowed: 'a host name, with a port where it is not 443', check: checkName },
    `The host that plain_requests = 'redirect' sends clients to, such as 'tracker.example.com': a name in
    the certificate, with the port if that is not 443. It is never taken from the client's request.`,
  ),
  acme_webroot: string(
    '',
    { check: refuseNul },
    `A folder for certbot --webroot or lego --http.webroot: files in .well-known/acme-challenge below it
    are served over plain HTTP, so that the authority can validate the host while the tracker has port 80.
    '' serves none.

    It must be inside [privileges] chroot_path, if that is set, and readable by the tracker's user.`,
  ),
}

export interface PlainConfig extends ListenSettings {
  readonly use_tls: boolean
  readonly plain_address: string | readonly string[]
  readonly plain_requests: string
  readonly https_name: string
  readonly acme_webroot: string
}

/** The addresses without TLS; null if all addresses have TLS. */
export function plainListening(network: PlainConfig): ListenSettings | null {
  const { use_tls, plain_address, address_ipv6, ipv6_only } = network
  const list = [plain_address].flat().filter((text) => text !== '')
  if (!use_tls || list.length === 0) return null
  return { address: list, address_ipv6: address_ipv6 === 'auto' ? 'auto' : '', ipv6_only }
}

/** All addresses, to check whether they can be opened. */
export function allListening(network: PlainConfig): ListenSettings {
  const plain = plainListening(network)
  if (plain === null) return network
  return { ...network, address: [network.address, plain.address].flat() }
}

export function redirectTarget({ plain_requests, https_name }: PlainConfig): string {
  return plain_requests === 'redirect' ? `https://${https_name}` : ''
}

export function plainFindings(network: PlainConfig): Finding[] {
  const { use_tls, plain_address, plain_requests, https_name } = network
  const found: Finding[] = []
  if (!use_tls && [plain_address].flat().some((text) => text !== '')) {
    const text = `[network] plain_address is for plain HTTP beside HTTPS, but use_tls is false: name its addresses in
      address, or set use_tls = true.`
    found.push(problem(['network.plain_address'], text))
  }
  const plain = plainListening(network)
  if (plain === null) return [...found, ...idleFindings(network)]
  if (plain_requests === 'redirect' && https_name === '') {
    const text = `[network] plain_requests = 'redirect' needs https_name, the host that clients are sent to.`
    found.push(problem(['network.plain_requests', 'network.https_name'], text))
  }
  const all = [...listenAddresses(network), ...listenAddresses(plain)]
  for (const text of duplicatesOf(all)) {
    const twice = `the address ${text} is set both with TLS and without: give [network] plain_address another port.`
    found.push(problem(['network.plain_address'], twice))
  }
  return found
}

/** What is set for plain HTTP beside HTTPS although there is none. */
function idleFindings({
  use_tls,
  plain_address,
  plain_requests,
  acme_webroot,
}: PlainConfig): Finding[] {
  if ([plain_address].flat().some((text) => text !== '')) return []
  const found: Finding[] = []
  if (plain_requests === 'redirect') {
    const text = `[network] plain_requests = 'redirect' has no effect without plain_address: name the address there whose
      clients are to be redirected, such as '0.0.0.0:80'.`
    found.push(warning(['network.plain_requests'], text))
  }
  if (use_tls && acme_webroot !== '') {
    const text = `[network] acme_webroot has no effect with use_tls and without plain_address: the authority asks over plain
      HTTP, so write plain_address = '0.0.0.0:80'.`
    found.push(warning(['network.acme_webroot'], text))
  }
  return found
}

function checkName(text: string) {
  if (text === '' || /^(?:[a-z0-9-]+\.)*[a-z0-9-]+(?::\d{1,5})?$/i.test(text)) return null
  const isAddress = !('fault' in parseSocketAddress(text))
  if (isAddress) return null
  return { fault: 'is not a host name', remedy: "Write one such as 'tracker.example.com'" }
}

// The settings section [public_page], and its checks. Used by the trackers' configs (tracker/settings.ts).
import { isIP } from 'node:net'
import { ADDRESS_FORMS, checkSocketAddress, parseSocketAddress } from '../config/address.ts'
import { type ListenSettings, listenAddresses, overlap } from '../config/listen.ts'
import { type ConfigOf, type Finding, problem, section, warning } from '../config/schema.ts'
import { boolean, type Fault, listOf, string, stringOrList } from '../config/setting.ts'
import { isHostName } from '../operations/hosts.ts'

/** More would be a list that nobody reads, and the page has to stay small. */
export const URLS_MAX = 12
const URL_CHARS_MAX = 256

const common = {
  address: string(
    '',
    {
      allowed: `'' or ${ADDRESS_FORMS}`,
      check: (text) => (text ? checkSocketAddress(text) : null),
    },
    `Serve the page on this address over HTTP, such as '0.0.0.0:8080'; '[::]:8080' serves IPv6 and IPv4.
    '' serves it on no address of its own.

    / is the page, /status.json the same as JSON. It tells whether the tracker is up, its announce URLs,
    torrents, peers, requests of the last day, availability of the last 90 days, and its version: no
    settings, no info hashes, and nothing about any client. It is prepared every ten seconds and always
    sent as it is, so asking for it often costs little.`,
  ),
  host_names: stringOrList(
    '',
    { allowed: "'', a host name or an IP address", check: checkName },
    `The names under which clients reach the tracker, such as 'tracker.example.com'. The page shows an
    announce URL for each of them with each protocol's scheme and port.

    The tracker does not know its names by itself, and what a request claims is not believed.`,
  ),
  announce_urls: stringOrList(
    '',
    { allowed: "'', or a URL such as 'udp://tracker.example.com:3000/announce'", check: checkUrl },
    `Show these announce URLs in place of those made from host_names: where clients reach the tracker
    through a proxy, or by other ports than its own. At most ${URLS_MAX}.`,
  ),
}

const onHttpPort = {
  on_http_port: boolean(
    false,
    `Serve the page on the addresses of the tracker's HTTP, at / and /status.json, beside announces.

    The workers send bytes that the main thread has prepared, and [source_limits] and [limits] hold for
    such requests too.`,
  ),
}

const SUMMARY = 'A page about the tracker for everybody.'

export const publicPageSettings = section(SUMMARY, common)
/** Of a tracker that speaks HTTP. */
export const publicPageSettingsHttp = section(SUMMARY, { ...common, ...onHttpPort })

export type PublicPageConfig = ConfigOf<{ page: typeof publicPageSettings }>['page'] & {
  readonly on_http_port?: boolean
}

/** Settings that can change while the tracker runs. */
export const PUBLIC_PAGE_PATHS = ['public_page.host_names', 'public_page.announce_urls']

export function isPageOn({ address, on_http_port = false }: PublicPageConfig): boolean {
  return address !== '' || on_http_port
}

export function publicPageFindings(
  config: PublicPageConfig,
  operations: { readonly address: string },
): Finding[] {
  const names = listOf(config.host_names)
  const urls = listOf(config.announce_urls)
  const paths = ['public_page.address', 'public_page.host_names', 'public_page.announce_urls']
  const found: Finding[] = []
  if (urls.length > URLS_MAX || names.length > URLS_MAX) {
    const text = `[public_page] announce_urls and host_names may have ${URLS_MAX} items each: name those that people
      should use.`
    found.push(problem(paths.slice(1), text))
  }
  const isOn = isPageOn(config)
  if (isOn && names.length === 0 && urls.length === 0) {
    const text = `[public_page] shows no announce URLs: write the tracker's name in host_names, or whole URLs in
      announce_urls.`
    found.push(warning(paths, text))
  }
  // Of several protocols only HTTP knows both places.
  if (config.on_http_port === false && !isOn && (names.length > 0 || urls.length > 0)) {
    const text = `[public_page] host_names and announce_urls have no effect: the page is served nowhere. Write its address
      in address.`
    found.push(warning(paths, text))
  }
  const page = itemOf(config.address)
  const other = itemOf(operations.address)
  if (page !== null && other !== null && overlap(page, other)) {
    const text = `[public_page] address = '${config.address}' has the port of [operations] address: give it another one.`
    found.push(problem(['public_page.address', 'operations.address'], text))
  }
  return found
}

/** `network`: where a protocol over TCP listens. */
export function publicPagePortFindings(
  { address }: PublicPageConfig,
  network: ListenSettings,
): Finding[] {
  const page = itemOf(address)
  if (page === null || !listenAddresses(network).some((item) => overlap(item, page))) return []
  const text = `[public_page] address = '${address}' has the port of the tracker itself ([network]): give the page another
    one, such as '0.0.0.0:8080'.`
  return [problem(['public_page.address', 'network.address'], text)]
}

function itemOf(address: string) {
  const parsed = address === '' ? null : parseSocketAddress(address)
  if (parsed === null || 'fault' in parsed) return null
  const dualStack = parsed.host === '::'
  return { ...parsed, dualStack, optional: false, portFromIndex: -1 }
}

function checkName(text: string): Fault | null {
  if (text === '' || isName(text)) return null
  const [, name] =
    /^(?:[a-z]+:\/\/)?\[?([^/[\]%]+?)(?:%[^/[\]]*)?\]?(?::\d+)?(?:\/.*)?$/.exec(text) ?? []
  const isOne = name !== undefined && isName(name)
  return {
    fault: 'is neither a host name nor an IP address',
    remedy: `Write it without scheme and port, such as '${isOne ? name : 'tracker.example.com'}'`,
  }
}

/** Also in a URL: an IPv6 zone, or numbers that are no IPv4 address, cannot be its host. */
function isName(text: string): boolean {
  const host = isIP(text) === 6 ? `[${text}]` : text
  return (isHostName(text) || isIP(text) !== 0) && URL.canParse(`http://${host}`)
}

function checkUrl(text: string): Fault | null {
  if (text === '') return null
  const remedy = "Write one such as 'https://tracker.example.com/announce'"
  if (text.length > URL_CHARS_MAX) return { fault: 'is too long', remedy: 'Write a shorter one' }
  // None of these characters is longer in HTML.
  if (!/^(udp|https?|wss?):\/\/[\w.~:/?=@!$()*+,;%[\]-]+$/.test(text)) {
    return { fault: 'is not an announce URL', remedy }
  }
  return URL.canParse(text) ? null : { fault: 'is not a URL', remedy }
}

// What can be wrong with an HTTP tracker: a fault for each conformance check, which has to see it. Used by http-faults.test.ts.
import {
  compact,
  type Dictionary,
  type HttpFault,
  type HttpTracker,
  type Query,
  type Value,
} from './http-tracker.ts'

/** Changes served announces. */
function announced(
  change: (answer: Dictionary, query: Query, tracker: HttpTracker) => Dictionary,
): HttpFault {
  return {
    dictionary: (right, query, path, tracker) =>
      path === 'announce' && !('failure reason' in right)
        ? change({ ...right }, query, tracker)
        : right,
  }
}

function scraped(change: (answer: Dictionary, query: Query) => Dictionary): HttpFault {
  return {
    dictionary: (right, query, path) => (path === 'scrape' ? change({ ...right }, query) : right),
  }
}

function failed(change: (answer: Dictionary) => Dictionary): HttpFault {
  return { dictionary: (right) => ('failure reason' in right ? change({ ...right }) : right) }
}

function without(key: string): (answer: Dictionary) => Dictionary {
  return ({ [key]: _, ...rest }) => rest
}

function query(change: (query: Query, tracker: HttpTracker) => Query): HttpFault {
  return { query: (right, tracker) => change({ ...right }, tracker) }
}

function read(change: (text: string) => string): HttpFault {
  return { read: change }
}

/** Takes what should be refused for something that is served. */
const defaults = (name: string, fits: RegExp, instead: string) =>
  query((right) => (fits.test(right[name] ?? '') ? { ...right, [name]: instead } : right))
const HASH = '61'.repeat(20)

const ANSWERS: Record<string, HttpFault> = {
  'http/answer/announce-is-200': { response: (right) => right.replace(' 200 ', ' 202 ') },
  'http/answer/canonical': { body: (body) => body.replace(/^d(8:completei\d+e)(.*)e$/s, 'd$2$1e') },
  'http/answer/interval-that-lists-take': announced((answer) => ({ ...answer, interval: 120 })),
  'http/answer/min-interval-not-above-interval': announced((answer) => ({
    ...answer,
    'min interval': 1801,
  })),
  'http/answer/peers-always-there': announced((answer) =>
    answer.peers === '' ? without('peers')(answer) : answer,
  ),
  'http/answer/peers-are-compact': announced((answer) => ({ ...answer, peers: [] })),
  'http/answer/compact-without-being-asked': announced((answer, { compact: wanted }) =>
    wanted === undefined ? { ...answer, peers: [] } : answer,
  ),
  'http/answer/compact-0-gets-a-list': query(({ compact: _, ...rest }) => rest),
  'http/answer/compact-0-has-no-peers6': announced((answer) => ({ ...answer, peers6: '' })),
  'http/answer/external-ip': announced((answer) => ({ ...answer, 'external ip': '127.0.0.1' })),
  'http/answer/counts-are-there': announced(without('downloaded')),
  'http/failure/port-missing': query((right) => ({ port: '1', ...right })),
  'http/failure/port-0': defaults('port', /^0$/, '1'),
  'http/failure/port-65536': defaults('port', /^65536$/, '1'),
  'http/failure/port-not-a-number': defaults('port', /[a-z]/, '80'),
  'http/failure/hash-missing': query((right) => ({ info_hash: HASH, ...right })),
  'http/failure/hash-of-19-bytes': defaults('info_hash', /^.{38}$/, HASH),
  'http/failure/hash-of-21-bytes': defaults('info_hash', /^.{42}$/, HASH),
  'http/failure/hash-in-hex': defaults('info_hash', /^.{80}$/, HASH),
  'http/failure/hash-with-a-broken-escape': defaults('info_hash', /^$/, HASH),
  'http/failure/is-200-and-bencoded': {
    response: (right) => (right.includes('failure') ? right.replace(' 200 ', ' 400 ') : right),
  },
  'http/failure/canonical': { body: (body) => `${body}\n` },
  'http/failure/has-an-interval': failed(without('interval')),
  'http/failure/says-when-to-retry': failed((answer) => ({ ...answer, 'retry in': 'soon' })),
  'http/path/key-before-announce': read((text) => text.replace(/ \/k+\/announce/, ' /')),
  'http/path/key-behind-announce': read((text) => text.replace(/ \/announce\/k+/, ' /')),
}

type Entry = Record<string, number>

function entries(change: (entry: Entry, hash: string) => Entry | null): HttpFault {
  return scraped((answer) => {
    const files: Dictionary = {}
    for (const [hash, entry] of Object.entries((answer.files ?? {}) as Dictionary)) {
      const other = change(entry as Entry, hash)
      if (other !== null) files[hash] = other
    }
    return { ...answer, files }
  })
}

const isEmpty = ({ complete, incomplete }: Entry) => complete + incomplete === 0

const SCRAPES: Record<string, HttpFault> = {
  'http/scrape/counts': entries(({ complete, incomplete, downloaded }) => ({
    complete: downloaded,
    incomplete,
    downloaded: complete,
  })),
  'http/scrape/canonical': {
    body: (body) =>
      body.replace(/^d5:filesd(20:.{20}d.*?ee)(.*)e5:flags/s, 'd5:filesd$2$1e5:flags'),
  },
  'http/scrape/unknown-gets-zeros': entries((entry) => (isEmpty(entry) ? null : entry)),
  'http/scrape/several': scraped((answer) => ({
    ...answer,
    files: first(answer.files as Dictionary, 1),
  })),
  'http/scrape/repeated-is-there-once': {
    body: (body) => body.replace(/(20:.{20}d8:complete.*?ee)/s, '$1$1'),
  },
  'http/scrape/50-torrents-are-served': scraped((answer) => ({
    ...answer,
    files: first(answer.files as Dictionary, 40),
  })),
  'http/scrape/nothing-is-refused': query((right) =>
    right.info_hashes === '' ? { ...right, info_hashes: HASH } : right,
  ),
  'http/scrape/one-malformed-refuses-all': query((right) => ({
    ...right,
    info_hashes: right.info_hashes
      .split(',')
      .filter((hash) => hash.length === 40)
      .join(),
  })),
  'http/scrape/min-request-interval': scraped(without('flags')),
  'http/scrape/creates-no-peer': query((right, tracker) => {
    if (right.port === undefined)
      tracker.swarm(right.info_hash).set('x', { address: '127.0.0.1', port: 1, seeder: false })
    return right
  }),
}

function first(files: Dictionary, count: number): Dictionary {
  return Object.fromEntries(Object.entries(files ?? {}).slice(0, count))
}

const noPeers = (answer: Dictionary) => ({ ...answer, peers: '' })
const wants = (fits: (numwant: string | undefined) => boolean) =>
  announced((answer, { numwant }) => (fits(numwant) ? noPeers(answer) : answer))
const ignoresNumWant = query(({ numwant: _, ...rest }) => rest)
const anotherPort = query((right, tracker) => {
  const isKnown = tracker.swarms.get(right.info_hash ?? '')?.has(right.port) === true
  return isKnown ? { ...right, port: String(Number(right.port) ^ 0x8000) } : right
})
const withEvent = (wrong: string, instead: string) =>
  defaults('event', new RegExp(`^${wrong}$`), instead)

const listed = (fits: (seeder: boolean) => boolean) =>
  announced((answer, { info_hash: hash, port }, tracker) => {
    const others = [...tracker.swarm(hash).values()].filter(
      (peer) => peer.port !== Number(port) && fits(peer.seeder),
    )
    return { ...answer, peers: others.map(compact).join('') }
  })

function countsEveryCompletion(): HttpFault {
  return query((right, tracker) => {
    if (right.event !== 'completed') return right
    tracker.downloads.set(right.info_hash, (tracker.downloads.get(right.info_hash) ?? 0) + 1)
    return { ...right, event: '' }
  })
}

const PEERS: Record<string, HttpFault> = {
  'http/peers/first-is-returned-to-the-second': announced(noPeers),
  'http/peers/source-address-is-used': { address: () => '127.0.0.2' },
  'http/peers/of-the-same-family': announced((answer) => ({
    ...answer,
    peers: '',
    peers6: `${'\0'.repeat(15)}\x01ab`,
  })),
  'http/peers/no-peers6-over-ipv4': announced((answer) => ({ ...answer, peers6: '' })),
  'http/peers/claimed-address-is-ignored': { address: ({ ip }) => ip ?? '127.0.0.1' },
  'http/peers/announcer-is-left-out': listedWithOwn(),
  'http/peers/each-once': announced((answer) => ({
    ...answer,
    peers: (answer.peers as string).repeat(2),
  })),
  'http/peers/identified-by-address-and-port': { key: ({ peer_id: id }) => id },
  'http/peers/only-of-the-torrent': query((right) => ({
    ...right,
    info_hash: right.info_hash?.replace(/^../, '00'),
  })),
  'http/peers/seeder-gets-leechers-only': listed(() => true),
  'http/peers/leecher-gets-both': listed((seeder) => seeder),
  'http/numwant/1-gets-one': ignoresNumWant,
  'http/numwant/0-gets-none': ignoresNumWant,
  'http/numwant/missing-gets-the-usual': wants((numwant) => numwant === undefined),
  'http/numwant/negative-gets-the-usual': wants((numwant) => numwant === '-1'),
  'http/numwant/no-number-gets-the-usual': wants((numwant) => numwant === 'many'),
  'http/numwant/huge-gets-the-usual': wants((numwant) => (numwant ?? '').length > 9),
  'http/parameter/last-of-two-counts': read((text) =>
    text.replace(/&port=\d+/, (last) => (/[?&]port=1&/.test(text) ? '' : last)),
  ),
  'http/parameter/escapes-in-either-case': read((text) => text.replace(/%[\dA-F]*[A-F]/g, '%00')),
  'http/parameter/plain-characters-and-escapes-alike': read((text) =>
    text.replace(/info_hash=[a-z]/, 'info_hash=_'),
  ),
  'http/parameter/raw-bytes-are-taken': read((text) =>
    text.replace(/info_hash=[\x80-\xff]/, 'info_hash=_'),
  ),
  'http/parameter/plus-is-a-plus': read((text) => text.replaceAll('+', '%20')),
  'http/parameter/peer-id-may-be-missing': query((right) =>
    right.peer_id === undefined ? { ...right, port: '0' } : right,
  ),
  'http/parameter/others-do-no-harm': query((right) =>
    'trackerid' in right ? { ...right, port: '0' } : right,
  ),
  'http/counts/left-0-is-a-seeder': query((right) => ({ ...right, left: '1' })),
  'http/counts/any-other-left-is-a-leecher': defaults('left', /^(-1|18446744073709551616)$/, '0'),
  'http/counts/announcer-is-not-counted': announced((answer) => ({
    ...answer,
    incomplete: (answer.incomplete as number) + 1,
  })),
  'http/counts/agree-with-the-scrape': announced((answer) => ({
    ...answer,
    complete: (answer.complete as number) + 1,
  })),
  'http/counts/leecher-becomes-a-seeder': anotherPort,
  'http/event/stopped-removes': withEvent('stopped', 'started'),
  'http/event/stopped-gets-no-peers': withEvent('stopped', 'started'),
  'http/event/stopped-needs-no-port': withEvent('stopped', 'started'),
  'http/event/completed-counts-a-download': withEvent('completed', ''),
  'http/event/completed-counts-once': countsEveryCompletion(),
  'http/event/completed-of-a-stranger-counts-nothing': countsEveryCompletion(),
  'http/event/paused-stays': withEvent('paused', 'stopped'),
  'http/event/unknown-renews': query((right) =>
    right.event === 'whatever' ? { ...right, port: '0' } : right,
  ),
}

function listedWithOwn(): HttpFault {
  return announced((answer, { port }) => ({
    ...answer,
    peers: `${answer.peers}${compact({ address: '127.0.0.1', port: Number(port) })}`,
  }))
}

const closes: HttpFault = { keeps: () => false }
const stays: HttpFault = { keeps: () => true }
const refuses = (pattern: RegExp): HttpFault =>
  read((text) => (pattern.test(text) ? 'X\r\n\r\n' : text))
const hides = (pattern: RegExp): HttpFault => read((text) => text.replace(pattern, ''))

const FRAMING: Record<string, HttpFault> = {
  'http/connection/stays-open': closes,
  'http/connection/closes-when-asked': stays,
  'http/connection/1.0-closes': stays,
  'http/connection/1.0-keep-alive-stays-open': {
    response: (right) => right.replace('Connection: keep-alive\r\n', ''),
  },
  'http/connection/pipelined': closes,
  'http/connection/request-in-pieces': read((text) =>
    text.includes('\r\n\r\n') ? text : 'X\r\n\r\n',
  ),
  'http/connection/content-length-is-right': { response: (right) => `${right}\n` },
  'http/request/bare-line-feeds': refuses(/[^\r]\n/),
  'http/request/empty-line-before': refuses(/^\r\n/),
  'http/request/names-in-any-case': refuses(/hOST/),
  'http/request/no-host': read((text) => (/\r\nhost:/i.test(text) ? text : 'X\r\n\r\n')),
  'http/request/absolute-form': refuses(/^GET http:/),
  'http/request/head-has-the-same-head': {
    response: (right, { method }) => (method === 'HEAD' ? `${right}body` : right),
  },
  'http/request/post-gets-405': read((text) => text.replace(/^POST/, 'GET')),
  'http/request/other-path-gets-404': read((text) => text.replace(' /no/such/path/here', ' /')),
  'http/request/root-says-what-this-is': {
    response: (right) => right.replace('tracker', 'servers'),
  },
  'http/request/health': read((text) => text.replace(' /health', ' /')),
  'http/smuggling/body-by-length': stays,
  'http/smuggling/body-in-chunks': stays,
  'http/smuggling/both-lengths': hides(/Transfer-Encoding: chunked\r\n/),
  'http/smuggling/lengths-that-differ': hides(/Content-Length: 0\r\n/),
  'http/smuggling/length-with-a-sign': hides(/\+(?=0\r\n)/),
  'http/smuggling/folded-line': read((text) => text.replace('\r\n Content', ' Content')),
  'http/smuggling/space-before-colon': hides(/ (?=:)/),
  'http/smuggling/bare-carriage-return': hides(/\r(?!\n)/),
  'http/smuggling/nul': hides(/\0/),
  'http/smuggling/two-spaces-before-version': hides(/ (?= HTTP)/),
  'http/smuggling/version-in-lower-case': read((text) => text.replace('http/1.1', 'HTTP/1.1')),
  'http/refused/http-2': read((text) => text.replace('HTTP/2.0', 'HTTP/1.1')),
  'http/refused/long-target': read((text) => text.replace(/y{100,}/, '')),
  'http/refused/long-head': read((text) => text.replace(/b{100,}/, '')),
}

export const HTTP_FAULTS: Readonly<Record<string, HttpFault>> = {
  ...ANSWERS,
  ...SCRAPES,
  ...PEERS,
  ...FRAMING,
}
export type { Value }

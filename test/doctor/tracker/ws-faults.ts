// What can be wrong with a WebTorrent tracker: a fault for each conformance check, which has to see it. Used by ws-faults.test.ts.
import type { Message, WsFault } from './ws-tracker.ts'

const refusesHead = (pattern: RegExp): WsFault => ({
  head: (text) => (pattern.test(text) ? text.replace(/Upgrade: /i, 'X: ') : text),
})
const head = (change: (text: string) => string): WsFault => ({ head: change })
const response = (change: (text: string) => string): WsFault => ({ response: change })
const message = (change: (message: Message) => Message | null): WsFault => ({ message: change })
const said = (fits: (message: Message) => boolean, more: Message): WsFault =>
  message((right) => (fits(right) ? { ...right, ...more } : right))
const send = (change: (right: Message, about: Message) => Message | Message[] | null): WsFault => ({
  send: change,
})
/** Of one kind of message. */
const sent = (
  has: string,
  change: (right: Message, about: Message) => Message | Message[] | null,
) => send((right, about) => (has in right ? change({ ...right }, about) : right))
const open: WsFault = { close: () => null }
const failing = (change: (right: Message) => Message | null) => sent('failure reason', change)
const without =
  (key: string) =>
  ({ [key]: _, ...rest }: Message) =>
    rest

const CONNECTING: Record<string, WsFault> = {
  'ws/handshake/accepted': response((text) => text.replace(/Accept: ./, 'Accept: _')),
  'ws/handshake/values-in-any-case': refusesHead(/WebSocket\r/),
  'ws/handshake/connection-with-several-values': refusesHead(/keep-alive, Upgrade/),
  'ws/handshake/origin-is-accepted': refusesHead(/Origin:/),
  'ws/handshake/sub-protocol-does-no-harm': refusesHead(/Sec-WebSocket-Protocol:/),
  'ws/handshake/no-compression': response((text) =>
    text.replace('Upgrade: websocket', '$&\r\nSec-WebSocket-Extensions: permessage-deflate'),
  ),
  'ws/handshake/path-and-query-are-ignored': refusesHead(/^GET \/some/),
  'ws/handshake/no-key-is-refused': head((text) =>
    text.includes('Key:') ? text : `${text}\r\nSec-WebSocket-Key: x`,
  ),
  'ws/handshake/other-version-is-refused': head((text) =>
    text.replace('Version: 99', 'Version: 13'),
  ),
  'ws/handshake/other-version-gets-426': response((text) =>
    text.replace('Sec-WebSocket-Version: 13\r\n', ''),
  ),
  'ws/http/health': head((text) => text.replace(' /health', ' /')),
  'ws/http/announce-gets-a-failure': head((text) => text.replace(/ \/announce\?\S*/, ' /')),
  'ws/http/other-requests-get-426': head((text) =>
    text.includes('Sec-') ? text : text.replace(' / ', ' /health '),
  ),
  'ws/frame/text-answered-by-text': { opcode: 2 },
  'ws/frame/binary-is-accepted': { frame: (frame) => (frame.opcode === 2 ? null : frame) },
  'ws/frame/fragments-are-joined': { frame: (frame) => ({ ...frame, final: true }) },
  'ws/frame/pong-without-ping-is-ignored': {
    frame: (frame) => (frame.opcode === 10 ? { ...frame, opcode: 3 } : frame),
  },
  'ws/frame/ping-gets-a-pong': {
    frame: (frame) => (frame.opcode === 9 ? { ...frame, payload: Buffer.alloc(0) } : frame),
  },
  'ws/frame/ping-between-fragments': { frame: (frame) => (frame.opcode === 9 ? null : frame) },
  'ws/frame/close-is-answered': { close: () => 1006 },
  'ws/frame/unmasked-ends-the-connection': { frame: (frame) => ({ ...frame, masked: true }) },
  'ws/frame/reserved-bits-end-the-connection': { frame: (frame) => ({ ...frame, reserved: 0 }) },
  'ws/frame/unknown-opcode-ends-the-connection': {
    frame: (frame) => ({ ...frame, opcode: frame.opcode === 3 ? 1 : frame.opcode }),
  },
  'ws/frame/long-ping-ends-the-connection': {
    frame: (frame) => ({ ...frame, size: Math.min(frame.size, 125) }),
  },
  'ws/frame/invalid-utf-8-ends-the-connection': open,
  'ws/frame/too-large-ends-the-connection': { close: (code) => (code === 1009 ? 1002 : code) },
  'ws/frame/announced-size-is-no-reason-to-wait': { sizeMax: 2_000_000 },
  'ws/connection/serves-several-torrents': { peerIdsMax: 1 },
  'ws/connection/requests-without-waiting': sent('interval', late()),
}

/** Sends each answer with the next one, in the wrong order. */
function late(): (right: Message) => Message[] | null {
  let kept: Message | null = null
  return (right) => {
    const before = kept
    kept = before === null ? right : null
    return before === null ? null : [right, before]
  }
}

const announced = (change: (right: Message, about: Message) => Message | null) =>
  sent('interval', change)
const lost = (fits: (message: Message) => boolean): WsFault =>
  message((right) => (fits(right) ? null : right))

function countsEveryCompletion(): WsFault {
  return {
    message: (right, tracker) => {
      const hash = right.info_hash as string
      if (right.event !== 'completed') return right
      tracker.downloads.set(hash, (tracker.downloads.get(hash) ?? 0) + 1)
      return { ...right, event: '' }
    },
  }
}

const ANNOUNCING: Record<string, WsFault> = {
  'ws/announce/answered': announced(without('info_hash')),
  'ws/announce/interval-makes-sense': announced((right) => ({ ...right, interval: 1 })),
  'ws/announce/announcer-is-counted': announced((right) => ({
    ...right,
    incomplete: (right.incomplete as number) - 1,
  })),
  'ws/announce/left-0-is-a-seeder': said(({ left }) => left === 0, { left: 1 }),
  'ws/announce/left-null-is-a-leecher': said(({ left }) => left === null, { left: 0 }),
  'ws/announce/left-missing-is-a-leecher': said(({ left }) => left === undefined, { left: 0 }),
  'ws/announce/left-minus-1-is-a-leecher': said(({ left }) => (left as number) < 0, { left: 0 }),
  'ws/announce/left-huge-is-a-leecher': lost(({ left }) => left === 1e300),
  'ws/announce/wrong-types-of-numbers-are-no-error': said(({ left }) => typeof left === 'string', {
    peer_id: '',
  }),
  'ws/announce/other-fields-are-ignored': said((right) => 'trackerid' in right, { peer_id: '' }),
  'ws/announce/offers-null-means-none': said(({ offers }) => offers === null, { peer_id: '' }),
  'ws/announce/events-that-renew': said(({ event }) => event === 'whatever', { event: 'stopped' }),
  'ws/announce/stopped-removes': said(({ event }) => event === 'stopped', { event: '' }),
  'ws/announce/completed-counts-a-download': said(({ event }) => event === 'completed', {
    event: '',
  }),
  'ws/announce/completed-of-a-seeder-counts-nothing': countsEveryCompletion(),
  'ws/announce/invalid-offers-are-told': announced(without('warning message')),
  'ws/id/every-spelling-is-the-same': { text: (text) => text.replace(/\\u00[A-F]F/, 'x') },
  'ws/id/all-bytes-come-back': announced((right) => ({
    ...right,
    info_hash: (right.info_hash as string).replaceAll('\u00e9', 'e'),
  })),
  'ws/scrape/one': sent('files', (right) => ({ ...right, files: {} })),
  'ws/scrape/several': sent('files', (right, { info_hash: asked }) =>
    Array.isArray(asked) ? { ...right, files: first(right.files as Message) } : right,
  ),
  'ws/scrape/invalid-items-are-left-out': sent('files', (right) => ({
    ...right,
    files: { short: {}, ...(right.files as Message) },
  })),
  'ws/scrape/nothing-is-refused': said(({ info_hash: asked }) => asked === undefined, {
    info_hash: [],
  }),
  'ws/scrape/creates-no-swarm': {
    message: (right, tracker) => {
      const connection = { socket: {} as never, pending: new Map() }
      if (right.action === 'scrape')
        tracker.swarm(right.info_hash as string).set('x', { connection, peerId: 'x', seeder: true })
      return right
    },
  },
}

function first(files: Message): Message {
  return Object.fromEntries(Object.entries(files).slice(0, 1))
}

const LONG = 'x'.repeat(20)

const ERRORS: Record<string, WsFault> = {
  'ws/error/not-json': failing(without('action')),
  'ws/error/no-object': failing(() => null),
  'ws/error/trailing-comma': { text: (text) => text.replace(/,\}$/, '}') },
  'ws/error/nested-too-deep': { text: (text) => text.replace(/\[{17,}\]*/, '[]') },
  'ws/error/no-action': said(({ action }) => action === undefined, { action: 'announce' }),
  'ws/error/unknown-action': failing(without('info_hash')),
  'ws/error/no-info-hash': said(({ info_hash: hash }) => hash === undefined, { info_hash: LONG }),
  'ws/error/short-info-hash': said(({ info_hash: hash }) => (hash as string).length === 19, {
    info_hash: LONG,
  }),
  'ws/error/info-hash-beyond-ff': said(
    ({ info_hash: hash }) => (hash as string).startsWith('\u0100'),
    { info_hash: LONG },
  ),
  'ws/error/no-peer-id': said(
    ({ peer_id: id, action }) => action === 'announce' && id === undefined,
    { peer_id: LONG },
  ),
  'ws/error/long-peer-id': said(({ peer_id: id }) => (id as string | undefined)?.length === 21, {
    peer_id: LONG,
  }),
  'ws/error/event-that-is-no-text': said(({ event }) => event === 7, { event: '' }),
  'ws/error/answer-that-is-no-object': said(({ answer }) => answer === 'sdp', {
    answer: undefined,
  }),
  'ws/error/answer-without-addressee': lost(({ answer }) => answer !== undefined),
  'ws/error/names-the-offer': failing(without('offer_id')),
  'ws/limit/peer-ids-of-one-connection': { peerIdsMax: 1000 },
  'ws/ownership/peers-leave-with-a-closed-connection': { leaves: false },
  'ws/ownership/peers-leave-with-a-broken-connection': { leaves: false },
  'ws/ownership/others-cannot-stop-a-peer': { owns: false },
  'ws/ownership/others-cannot-change-a-peer': { owns: false },
}

const nobody: WsFault = { receivers: () => [] }
const answered = (change: (right: Message, about: Message) => Message | null) =>
  sent('answer', change)
const offered = (change: (right: Message) => Message) => sent('offer', change)

const SIGNALS: Record<string, WsFault> = {
  'ws/offer/is-passed-on': offered((right) => ({ ...right, peer_id: LONG })),
  'ws/offer/is-unchanged': offered((right) => ({
    ...right,
    offer: { type: 'offer', sdp: (right.offer as Message).sdp },
  })),
  'ws/offer/never-to-the-offerer': { receivers: (_, all) => all },
  'ws/offer/each-to-another-peer': { receivers: (fit) => fit.map(() => fit[0]) },
  'ws/offer/their-number-decides': {
    receivers: (fit, _, about) => fit.slice(0, about.numwant as number),
  },
  'ws/offer/only-in-the-torrent': message((right) => ({ ...right, info_hash: LONG })),
  'ws/offer/no-seeder-to-a-seeder': {
    receivers: (_, all, about) => all.filter(({ peerId }) => peerId !== about.peer_id),
  },
  'ws/offer/seeder-to-a-leecher': nobody,
  'ws/offer/leecher-to-a-seeder': nobody,
  'ws/offer/leechers-first': { receivers: (fit) => fit.toReversed() },
  'ws/offer/any-offer-id': offered((right) => ({
    ...right,
    offer_id: (right.offer_id as string).slice(0, 20),
  })),
  'ws/offer/valid-ones-beside-invalid': message((right) =>
    (right.offers as Message[] | undefined)?.some(({ offer }) => typeof offer !== 'object') === true
      ? { ...right, offers: [] }
      : right,
  ),
  'ws/answer/is-passed-on': answered((right) => ({ ...right, answer: {} })),
  'ws/answer/gets-no-response': { responds: true },
  'ws/answer/changes-no-swarm': {
    message: (right, tracker) => {
      const swarm = tracker.swarm(right.info_hash as string)
      const peer = swarm.get(right.peer_id as string)
      if (right.answer !== undefined && peer !== undefined)
        swarm.set(peer.peerId, { ...peer, seeder: false })
      return right
    },
  },
  'ws/answer/without-an-offer-reaches-nobody': { passes: () => true },
  'ws/answer/only-once': { passes: () => true },
  'ws/answer/only-to-the-offerer': { passes: () => true },
  'ws/answer/only-in-the-torrent': { passes: () => true },
  'ws/answer/only-of-the-receiver': { passes: () => true },
  'ws/answer/to-one-that-has-left-is-no-error': {
    passes: (_, about) => about.answer === undefined,
  },
}

export const WS_FAULTS: Readonly<Record<string, WsFault>> = {
  ...CONNECTING,
  ...ANNOUNCING,
  ...ERRORS,
  ...SIGNALS,
}

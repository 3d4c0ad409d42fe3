// What the protocol tests of aquatic_ws send, and the tracker that they send it to.
import { afterAll, beforeAll } from 'bun:test'
import { listenOn, Tracker, WS_EXECUTABLE } from '../support/tracker.ts'
import { type Message, WsClient } from '../support/ws-client.ts'

let nextTorrent = 0
/** An info hash of its own for each test, with every kind of byte in it. */
export function newHash(): string {
  nextTorrent++
  return `\u00ff\u0000"\\\u0080${'h'.repeat(11)}${String(nextTorrent).padStart(4, '0')}`
}

export const peerId = (n: number) => `-WW0001-\u00e9\u0007${String(n).padStart(10, '0')}`
export const offerId = (n: number) => `\u0001\u00fe${String(n).padStart(18, 'o')}`
export const offer = (n: number) => ({
  offer: { type: 'offer', sdp: `v=0\r\n\u20ac "${n}"\\` },
  offer_id: offerId(n),
})
export const announce = (hash: string, peer: number, more: object = {}) => ({
  action: 'announce',
  info_hash: hash,
  peer_id: peerId(peer),
  uploaded: 0,
  downloaded: 0,
  left: 100,
  numwant: 5,
  ...more,
})
export const answer = (hash: string, peer: number, to: Message, sdp = 'answer') => ({
  action: 'announce',
  info_hash: hash,
  peer_id: peerId(peer),
  to_peer_id: to.peer_id,
  offer_id: to.offer_id,
  answer: { type: 'answer', sdp },
})

export interface Clients {
  tracker(): Tracker
  connect(): Promise<WsClient>
  connectMany(count: number): Promise<WsClient[]>
  /** Ends it with the tests. */
  keep(client: WsClient): void
}

/** Numbers of socket workers that tests are run with: a client cannot tell how many there are. */
export const WORKERS = [1, 2, 4]

/** A tracker for the tests of the describe block that calls this. */
export function useTracker(workers: number): Clients {
  let tracker: Tracker
  const clients: WsClient[] = []

  beforeAll(async () => {
    const settings = `socket_workers = ${workers}\n${listenOn('127.0.0.1:0')}`
    tracker = new Tracker({ executable: WS_EXECUTABLE, settings })
    await tracker.waitForStart()
  })
  afterAll(async () => {
    for (const client of clients) client.destroy()
    await tracker.discard()
  })

  const keep = (client: WsClient) => void clients.push(client)
  const connect = async () => {
    const client = await WsClient.connect(tracker.at())
    keep(client)
    return client
  }
  const connectMany = (count: number) => Promise.all(Array.from({ length: count }, connect))
  return { tracker: () => tracker, connect, connectMany, keep }
}

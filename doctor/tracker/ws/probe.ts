// Asks a WebTorrent tracker as clients do, and says what is wrong with it. Called by diagnose.ts for each address.
import { shown, Unmet } from '../check.ts'
import type { Patience } from '../deadline.ts'
import type { Diagnosis } from '../diagnosis.ts'
import { type Endpoint, usesTls } from '../endpoint.ts'
import { probeTls } from '../tls-probe.ts'
import { PING, PONG, type WsClient } from './client.ts'
import { announceOf, answerTo, entryOf, newOffer, SEEDER, WsSession } from './session.ts'

const FAILURE = 'Browsers get no peers.'
const INTERVAL_MIN = 10
const INTERVAL_MAX = 3600

export async function probeWs(
  endpoint: Endpoint,
  patience: Patience,
  diagnosis: Diagnosis,
  authority?: string,
): Promise<void> {
  if (usesTls(endpoint.url) && !(await probeTls(endpoint, patience, diagnosis, authority))) return
  const session = await WsSession.open(endpoint, patience)
  try {
    const start = performance.now()
    const first = await diagnosis.step('reachable', 'There is no WebSocket', FAILURE, () =>
      session.connect(),
    )
    if (first === undefined) return
    diagnosis.good(
      'reachable',
      `A WebSocket is open after ${Math.round(performance.now() - start)} ms.`,
    )
    await announces(session, first, diagnosis)
  } finally {
    await session.close()
  }
}

async function announces(session: WsSession, first: WsClient, diagnosis: Diagnosis): Promise<void> {
  const hash = session.newHash()
  const own = session.newPeerId()
  const response = await diagnosis.step('announce', 'An announce fails', FAILURE, () =>
    first.ask(announceOf(hash, own)),
  )
  if (response === undefined) return
  const reason = response['failure reason']
  if (reason !== undefined) return diagnosis.refused(reason)
  if (response.info_hash !== hash) {
    diagnosis.add(
      'fault',
      'announce',
      'The answer to an announce names another info hash, or none.',
      FAILURE,
    )
    return
  }
  const { interval } = response
  if (typeof interval === 'number' && interval >= INTERVAL_MIN && interval <= INTERVAL_MAX) {
    diagnosis.good('interval', `It asks clients to announce every ${interval} seconds.`)
  } else {
    const text = `The interval is ${shown(interval)}.`
    diagnosis.add(
      'warning',
      'interval',
      text,
      'Clients take it as it is: WebTorrent announces every 120 seconds.',
    )
  }
  await signals(session, { hash, own, first }, diagnosis)
  await leaves(session, { hash, own, first }, diagnosis)
  await mistakes(session, diagnosis)
}

interface First {
  readonly hash: string
  readonly own: string
  readonly first: WsClient
}

async function signals(
  session: WsSession,
  { hash, own, first }: First,
  diagnosis: Diagnosis,
): Promise<void> {
  await diagnosis.step('offers', 'An offer does not reach the other peer', FAILURE, async () => {
    const second = await session.connect()
    const peerId = session.newPeerId()
    const made = newOffer()
    await second.ask(announceOf(hash, peerId, { left: SEEDER, offers: [made] }))
    const received = await first.next()
    if (JSON.stringify(received.offer) !== JSON.stringify(made.offer))
      throw new Unmet('it arrives changed')
    if (received.peer_id !== peerId || received.offer_id !== made.offer_id)
      throw new Unmet('it arrives with another peer id or offer id')
    diagnosis.good('offers', 'An offer reaches the other peer unchanged.')
    await diagnosis.step('answers', 'The answer does not reach the offerer', FAILURE, async () => {
      first.send(answerTo(hash, own, received))
      const got = await second.next()
      if (!('answer' in got) || got.peer_id !== own || got.offer_id !== made.offer_id)
        throw new Unmet('it arrives changed')
      diagnosis.good('answers', 'Its answer reaches the offerer.')
    })
  })
}

async function leaves(
  session: WsSession,
  { hash, own, first }: First,
  diagnosis: Diagnosis,
): Promise<void> {
  const counts = async () => {
    const client = await session.connect()
    const message = await client.ask({ action: 'scrape', info_hash: hash })
    const [complete, , incomplete] = entryOf(message, hash).split('/')
    return `${complete}/${incomplete}`
  }
  await diagnosis.step(
    'scrape',
    'A scrape fails',
    'Clients and lists see no numbers.',
    async () => {
      diagnosis.counts('two clients', await counts(), '1/1')
      await first.ask(announceOf(hash, own, { event: 'stopped' }))
      diagnosis.stopped((await counts()) === '1/0')
    },
  )
}

async function mistakes(session: WsSession, diagnosis: Diagnosis): Promise<void> {
  const cost =
    'A client’s mistake in one torrent ends all its others, and it returns after up to five minutes.'
  await diagnosis.step('malformed', 'A malformed message ends the connection', cost, async () => {
    const client = await session.connect()
    client.send('{"action":"announce","info_hash":"short"}')
    client.sendFrame(PING, Buffer.from('still there?'))
    for (;;) {
      const frame = await client.frame()
      if (frame === undefined || frame.opcode === 8) throw new Unmet('no pong comes after it')
      if (frame.opcode === PONG) break
    }
    diagnosis.good('malformed', 'A malformed message does no harm, and pings are answered.')
  })
}

// Conformance checks of WebTorrent: offers and answers on their way from peer to peer. Listed by conformance.ts.
import { type Check, must, mustBe, shown } from '../check.ts'
import type { Message, WsClient } from './client.ts'
import { announceOf, answerTo, LEECHER, newOffer, SEEDER, type WsSession } from './session.ts'

const SIGNALS = 'webtorrent-protocol.md, Offers and answers'
const ANNOUNCE = 'webtorrent-protocol.md, Announce'

interface Peer {
  readonly client: WsClient
  readonly peerId: string
}

/** Peers of one torrent, each on a connection of its own. */
async function swarm(session: WsSession, lefts: readonly number[], hash: string): Promise<Peer[]> {
  const peers: Peer[] = []
  for (const left of lefts) {
    const client = await session.connect()
    const peerId = session.newPeerId()
    await client.ask(announceOf(hash, peerId, { left }))
    peers.push({ client, peerId })
  }
  return peers
}

interface Meeting {
  readonly hash: string
  readonly offerer: Peer
  readonly receiver: Peer
  readonly offer: ReturnType<typeof newOffer>
  /** The offer, as the receiver got it. */
  readonly received: Message
}

/** Two leechers, of which one has received the other's offer. */
async function meeting(session: WsSession, receiverLeft = LEECHER): Promise<Meeting> {
  const hash = session.newHash()
  const [receiver, offerer] = await swarm(session, [receiverLeft, LEECHER], hash)
  const offer = newOffer()
  await offerer.client.ask(announceOf(hash, offerer.peerId, { offers: [offer] }))
  const received = await receiver.client.next()
  must('offer' in received, `the other peer gets ${shown(received)} instead of the offer`)
  return { hash, offerer, receiver, offer, received }
}

function mustBeJson(what: string, got: unknown, wanted: unknown): void {
  mustBe(what, JSON.stringify(got), JSON.stringify(wanted))
}

async function offersOf({ client }: Peer): Promise<string[]> {
  return (await client.quiet()).flatMap((message) =>
    'offer' in message ? [shown(message.offer_id)] : [],
  )
}

const offers: Check<WsSession>[] = [
  {
    name: 'ws/offer/is-passed-on',
    says: 'An offer reaches another peer of the torrent, with "action", "info_hash", "peer_id", "offer_id" and "offer".',
    source: SIGNALS,
    run: async (session) => {
      const { hash, offerer, offer, received } = await meeting(session)
      mustBe('"action"', received.action, 'announce')
      mustBe('"info_hash"', received.info_hash, hash)
      mustBe('"peer_id"', received.peer_id, offerer.peerId)
      mustBe('"offer_id"', received.offer_id, offer.offer_id)
    },
  },
  {
    name: 'ws/offer/is-unchanged',
    says: 'The description arrives as it was, unknown parts included.',
    source: SIGNALS,
    run: async (session) => {
      const hash = session.newHash()
      const [receiver, offerer] = await swarm(session, [LEECHER, LEECHER], hash)
      const { offer, offer_id } = newOffer()
      const sent = { ...offer, later: [null, 1.5, { x: '\u0001\ud83d\ude00' }] }
      await offerer.client.ask(
        announceOf(hash, offerer.peerId, { offers: [{ offer: sent, offer_id }] }),
      )
      mustBeJson('"offer"', (await receiver.client.next()).offer, sent)
    },
  },
  {
    name: 'ws/offer/never-to-the-offerer',
    says: 'Nobody gets its own offer.',
    source: SIGNALS,
    run: async (session) => {
      const hash = session.newHash()
      const [alone] = await swarm(session, [LEECHER], hash)
      await alone.client.ask(announceOf(hash, alone.peerId, { offers: [newOffer()] }))
      mustBe('the number of offers', (await offersOf(alone)).length, 0)
    },
  },
  {
    name: 'ws/offer/each-to-another-peer',
    says: 'Each offer of an announce goes to another peer, and to one only.',
    source: SIGNALS,
    run: async (session) => {
      const hash = session.newHash()
      const [offerer, ...others] = await swarm(session, Array<number>(4).fill(LEECHER), hash)
      const made = Array.from({ length: 5 }, newOffer)
      await offerer.client.ask(announceOf(hash, offerer.peerId, { offers: made, numwant: 5 }))
      const got = []
      for (const other of others) got.push(await offersOf(other))
      mustBe('the numbers of offers', got.map(({ length }) => length).join(), '1,1,1')
      mustBe('the number of different ones', new Set(got.flat()).size, 3)
    },
  },
  {
    name: 'ws/offer/their-number-decides',
    says: '"numwant" is ignored: the number of offers decides.',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      const [offerer, ...others] = await swarm(session, [LEECHER, LEECHER, LEECHER], hash)
      const made = [newOffer(), newOffer()]
      await offerer.client.ask(announceOf(hash, offerer.peerId, { offers: made, numwant: 0 }))
      let count = 0
      for (const other of others) count += (await offersOf(other)).length
      mustBe('the number of offers', count, 2)
    },
  },
  {
    name: 'ws/offer/only-in-the-torrent',
    says: 'An offer stays in its torrent.',
    source: SIGNALS,
    run: async (session) => {
      const [stranger] = await swarm(session, [LEECHER], session.newHash())
      const hash = session.newHash()
      const [offerer] = await swarm(session, [LEECHER], hash)
      await offerer.client.ask(announceOf(hash, offerer.peerId, { offers: [newOffer()] }))
      mustBe('the number of offers', (await offersOf(stranger)).length, 0)
    },
  },
  {
    name: 'ws/offer/no-seeder-to-a-seeder',
    says: "A seeder's offer never goes to a seeder.",
    source: SIGNALS,
    run: async (session) => {
      const hash = session.newHash()
      const [other, seeder] = await swarm(session, [SEEDER, SEEDER], hash)
      await seeder.client.ask(
        announceOf(hash, seeder.peerId, { left: SEEDER, offers: [newOffer()] }),
      )
      mustBe('the number of offers', (await offersOf(other)).length, 0)
    },
  },
  {
    name: 'ws/offer/seeder-to-a-leecher',
    says: "A seeder's offer goes to a leecher.",
    source: SIGNALS,
    run: async (session) => {
      const hash = session.newHash()
      const [leecher, seeder] = await swarm(session, [LEECHER, SEEDER], hash)
      await seeder.client.ask(
        announceOf(hash, seeder.peerId, { left: SEEDER, offers: [newOffer()] }),
      )
      mustBe('the number of offers', (await offersOf(leecher)).length, 1)
    },
  },
  {
    name: 'ws/offer/leecher-to-a-seeder',
    says: "A leecher's offer goes to a seeder if there is no leecher.",
    source: SIGNALS,
    run: async (session) => void (await meeting(session, SEEDER)),
  },
  {
    name: 'ws/offer/leechers-first',
    says: "A leecher's offers go to leechers first.",
    source: SIGNALS,
    run: async (session) => {
      const hash = session.newHash()
      const [offerer, , , leecher] = await swarm(session, [LEECHER, SEEDER, SEEDER, LEECHER], hash)
      for (let i = 0; i < 3; i++) {
        await offerer.client.ask(announceOf(hash, offerer.peerId, { offers: [newOffer()] }))
      }
      mustBe('the number of offers', (await offersOf(leecher)).length, 3)
    },
  },
  {
    name: 'ws/offer/any-offer-id',
    says: 'Offer ids of other lengths are passed on: libtorrent once used 16 bytes.',
    source: 'webtorrent-protocol.md, 20-byte strings',
    run: async (session) => {
      const hash = session.newHash()
      const [receiver, offerer] = await swarm(session, [LEECHER, LEECHER], hash)
      for (const length of [16, 64]) {
        const offer = { ...newOffer(), offer_id: '\u00e9'.repeat(length) }
        await offerer.client.ask(announceOf(hash, offerer.peerId, { offers: [offer] }))
        mustBe('"offer_id"', (await receiver.client.next()).offer_id, offer.offer_id)
      }
    },
  },
  {
    name: 'ws/offer/valid-ones-beside-invalid',
    says: 'Invalid items in "offers" are skipped, the others sent.',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      const [receiver, offerer] = await swarm(session, [LEECHER, LEECHER], hash)
      const offers = [{ offer: 7, offer_id: 'x' }, newOffer()]
      await offerer.client.ask(announceOf(hash, offerer.peerId, { offers }))
      mustBe(
        '"offer_id"',
        (await receiver.client.next()).offer_id,
        (offers[1] as { offer_id: string }).offer_id,
      )
    },
  },
]

/** Sends an answer that was not asked for: its sender gets an error, and nobody gets the answer. */
async function mustReachNobody(
  sender: WsClient,
  answer: object,
  others: readonly Peer[],
): Promise<void> {
  sender.send(answer)
  for (const { client } of others) {
    const got = (await client.quiet()).find((message) => 'answer' in message)
    must(got === undefined, `somebody gets ${shown(got)}`)
  }
  const response = await sender.next()
  must(typeof response['failure reason'] === 'string', `the response is ${shown(response)}`)
}

const answers: Check<WsSession>[] = [
  {
    name: 'ws/answer/is-passed-on',
    says: 'An answer reaches the offerer, with "action", "info_hash", "peer_id", "offer_id" and "answer", unchanged.',
    source: SIGNALS,
    run: async (session) => {
      const { hash, offerer, receiver, received, offer } = await meeting(session)
      const answer = answerTo(hash, receiver.peerId, received)
      receiver.client.send(answer)
      const got = await offerer.client.next()
      mustBe('"action"', got.action, 'announce')
      mustBe('"info_hash"', got.info_hash, hash)
      mustBe('"peer_id"', got.peer_id, receiver.peerId)
      mustBe('"offer_id"', got.offer_id, offer.offer_id)
      mustBeJson('"answer"', got.answer, (answer as Message).answer)
    },
  },
  {
    name: 'ws/answer/gets-no-response',
    says: 'An answer that is passed on gets no response.',
    source: SIGNALS,
    run: async (session) => {
      const { hash, offerer, receiver, received } = await meeting(session)
      receiver.client.send(answerTo(hash, receiver.peerId, received))
      await offerer.client.next()
      const got = await receiver.client.quiet()
      must(got.length === 0, `it gets ${shown(got[0])}`)
    },
  },
  {
    name: 'ws/answer/changes-no-swarm',
    says: 'A seeder that answers stays a seeder.',
    source: SIGNALS,
    run: async (session) => {
      const { hash, offerer, receiver, received } = await meeting(session, SEEDER)
      receiver.client.send(answerTo(hash, receiver.peerId, received))
      await offerer.client.next()
      const { complete, incomplete } = await offerer.client.ask(announceOf(hash, offerer.peerId))
      mustBe('complete/incomplete', `${shown(complete)}/${shown(incomplete)}`, '1/1')
    },
  },
  {
    name: 'ws/answer/without-an-offer-reaches-nobody',
    says: 'An answer to an offer that was never made gets an error, and reaches nobody.',
    source: SIGNALS,
    run: async (session) => {
      const hash = session.newHash()
      const [sender, victim] = await swarm(session, [LEECHER, LEECHER], hash)
      const { offer_id } = newOffer()
      const answer = answerTo(hash, sender.peerId, { peer_id: victim.peerId, offer_id })
      await mustReachNobody(sender.client, answer, [victim])
    },
  },
  {
    name: 'ws/answer/only-once',
    says: 'A second answer to an offer gets an error, and reaches nobody.',
    source: SIGNALS,
    run: async (session) => {
      const { hash, offerer, receiver, received } = await meeting(session)
      const answer = answerTo(hash, receiver.peerId, received)
      receiver.client.send(answer)
      await offerer.client.next()
      await mustReachNobody(receiver.client, answer, [offerer])
    },
  },
  {
    name: 'ws/answer/only-to-the-offerer',
    says: 'An answer to another peer than the one that made the offer gets an error, and reaches nobody.',
    source: SIGNALS,
    run: async (session) => {
      const { hash, offerer, receiver, received } = await meeting(session)
      const [victim] = await swarm(session, [LEECHER], hash)
      const answer = answerTo(hash, receiver.peerId, { ...received, peer_id: victim.peerId })
      await mustReachNobody(receiver.client, answer, [victim, offerer])
    },
  },
  {
    name: 'ws/answer/only-in-the-torrent',
    says: 'An answer that names another torrent gets an error, and reaches nobody.',
    source: SIGNALS,
    run: async (session) => {
      const { offerer, receiver, received } = await meeting(session)
      const answer = answerTo(session.newHash(), receiver.peerId, received)
      await mustReachNobody(receiver.client, answer, [offerer])
    },
  },
  {
    name: 'ws/answer/only-of-the-receiver',
    says: 'An answer of somebody who was not sent the offer gets an error, and reaches nobody.',
    source: SIGNALS,
    run: async (session) => {
      const { hash, offerer, received } = await meeting(session)
      const [stranger] = await swarm(session, [LEECHER], hash)
      await mustReachNobody(stranger.client, answerTo(hash, stranger.peerId, received), [offerer])
    },
  },
  {
    name: 'ws/answer/to-one-that-has-left-is-no-error',
    says: 'An answer to a peer that has left meanwhile causes no error, and closes nothing.',
    source: SIGNALS,
    run: async (session) => {
      const { hash, offerer, receiver, received } = await meeting(session)
      await offerer.client.ask(announceOf(hash, offerer.peerId, { event: 'stopped' }))
      offerer.client.vanish()
      receiver.client.send(answerTo(hash, receiver.peerId, received))
      const got = await receiver.client.quiet()
      must(got.length === 0, `it gets ${shown(got[0])}`)
      mustBe(
        '"action" of the next response',
        (await receiver.client.ask(announceOf(hash, receiver.peerId))).action,
        'announce',
      )
    },
  },
]

export const WS_SIGNAL_CHECKS: readonly Check<WsSession>[] = [...offers, ...answers]

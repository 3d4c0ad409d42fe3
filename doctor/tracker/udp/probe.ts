// Asks a UDP tracker as clients do, and says what is wrong with it. Called by diagnose.ts for each address.
import { networkInterfaces } from 'node:os'
import { Unmet } from '../check.ts'
import type { Patience } from '../deadline.ts'
import type { Diagnosis } from '../diagnosis.ts'
import { type Endpoint, sameAddress } from '../endpoint.ts'
import {
  ANNOUNCE,
  actionOf,
  announcePacket,
  connectPacket,
  ERROR,
  errorText,
  readAnnounce,
  readConnect,
  STOPPED,
  scrapePacket,
  urlDataOption,
  withAction,
} from './packets.ts'
import { UdpSession } from './session.ts'

const FORGED = 'Anybody can register a victim’s address as a peer of any torrent.'
const FIREWALL =
  'See whether the tracker runs and listens on this address and port, and whether a firewall, a full connection tracking table or a container’s network drops packets; on its host: aquatic_doctor'

export async function probeUdp(
  endpoint: Endpoint,
  patience: Patience,
  diagnosis: Diagnosis,
): Promise<void> {
  const session = await UdpSession.open(endpoint, patience)
  try {
    if (!(await connects(session, diagnosis))) return
    await strangers(session, diagnosis)
    await diagnosis.step('connect', 'A further connect fails', 'Clients cannot announce.', () =>
      otherAddress(session, diagnosis),
    )
    await peers(session, diagnosis)
  } finally {
    await session.close()
  }
}

async function connects(session: UdpSession, diagnosis: Diagnosis): Promise<boolean> {
  const { address, url } = session.endpoint
  const answer = await session.main.ask(connectPacket(0))
  if (answer === undefined) {
    diagnosis.add(
      'fault',
      'reachable',
      `There is no answer from ${address} port ${url.port}.`,
      'No client of this address family is served.',
      FIREWALL,
    )
    return false
  }
  if (!sameAddress(answer.host, address) || answer.port !== url.port) {
    const text = `It answers from ${answer.host} port ${answer.port} when ${address} port ${url.port} is asked.`
    const remedy =
      'Bind the tracker to each address, or use one that answers from the address asked.'
    diagnosis.add('fault', 'source_address', text, 'Clients and NATs drop such answers.', remedy)
    return false
  }
  diagnosis.good('source_address', 'Answers come from the address that was asked.')
  return (
    (await diagnosis.step(
      'connect',
      'Its answer to a connect is wrong',
      'Clients cannot announce.',
      async () => {
        const id = readConnect(answer.bytes)
        if (id.equals(Buffer.alloc(8)) || id.equals(connectPacket(0).subarray(0, 8))) {
          const text = 'Its connection id is a number that everybody knows.'
          diagnosis.add('fault', 'connection_id', text, FORGED)
        }
        if (answer.bytes.length > 16)
          throw new Unmet(`16 bytes are answered by ${answer.bytes.length}`)
        diagnosis.good('reachable', `It answers a connect in ${Math.round(answer.ms)} ms.`)
        return true
      },
    )) ?? false
  )
}

/** What those get who have proved nothing. */
async function strangers(session: UdpSession, diagnosis: Diagnosis): Promise<void> {
  const id = session.newHash().subarray(0, 8)
  const announce = announcePacket(id, { hash: session.newHash(), port: session.newPort() })
  const packets = [announce, scrapePacket(id, [session.newHash()]), withAction(id, 9, 16)]
  for (const packet of packets) {
    const answers = await session.main.answersTo(packet)
    const size = answers.reduce((sum, { bytes }) => sum + bytes.length, 0)
    if (answers.some(({ bytes }) => bytes.length >= 8 && actionOf(bytes) === ANNOUNCE)) {
      const text = 'It serves an announce whose connection id is made up.'
      diagnosis.add('fault', 'connection_id', text, FORGED)
      return
    }
    if (size > packet.length) {
      const text = `${packet.length} bytes with a made-up connection id are answered by ${size}.`
      const cost =
        'With a forged source address, the tracker sends a victim more than the attacker sends.'
      diagnosis.add(
        'fault',
        'amplification',
        text,
        cost,
        'Answer such requests by nothing, or by less than they have.',
      )
      return
    }
  }
  diagnosis.good(
    'amplification',
    'Requests with a made-up connection id get no more than they have.',
  )
}

/** Only where this machine has a second address that reaches the tracker. */
async function otherAddress(session: UdpSession, diagnosis: Diagnosis): Promise<void> {
  const { endpoint } = session
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  const addresses = endpoint.address.startsWith('127.')
    ? ['127.0.0.96']
    : own
        .filter(
          ({ family, internal, address }) =>
            !internal && family === `IPv${endpoint.family}` && !address.startsWith('fe80'),
        )
        .map(({ address }) => address)
  const id = await session.connectionId()
  for (const address of addresses.slice(0, 4)) {
    const socket = await session.openSocket(address).catch(() => null)
    const answer = await socket?.ask(connectPacket(0), 1)
    if (socket === null || answer === undefined) continue
    // The system may have chosen this very address for the id.
    const used = await session.main.localAddressTo()
    if (used !== null && sameAddress(used, address)) continue
    const packet = scrapePacket(id, [session.newHash()])
    const served = (await socket.answersTo(packet)).some(({ bytes }) => actionOf(bytes) === 2)
    if (!served)
      diagnosis.good('connection_id_address', 'A connection id is refused at another address.')
    else {
      const cost = 'One id serves to register victims, or to flood them with answers.'
      diagnosis.add(
        'fault',
        'connection_id_address',
        'A connection id is valid at another address.',
        cost,
      )
    }
    return
  }
}

async function peers(session: UdpSession, diagnosis: Diagnosis): Promise<void> {
  const hash = session.newHash()
  const { family, address, url } = session.endpoint
  const [first, second, third] = [session.newPort(), session.newPort(), session.newPort()]
  const failure = 'Clients get no peers.'
  const answer = await diagnosis.step('announce', 'An announce fails', failure, () =>
    session.announceRaw({ hash, port: first }),
  )
  if (answer === undefined) return
  if (actionOf(answer.bytes) === ERROR) return diagnosis.refused(errorText(answer.bytes))
  const one = await diagnosis.step(
    'announce',
    'The answer to an announce is wrong',
    failure,
    async () => readAnnounce(answer.bytes, family),
  )
  if (one === undefined) return
  diagnosis.interval(one.interval)
  const two = await diagnosis.step('announce', 'A second announce fails', failure, () =>
    session.announce({ hash, port: second, left: 0n, numWant: 50 }),
  )
  if (two === undefined) return
  diagnosis.ownPeer(
    two.peers.find(({ port }) => port === first)?.address,
    two.peers.length,
    address,
  )
  await diagnosis.step(
    'scrape',
    'A scrape fails',
    'Clients and lists see no numbers.',
    async () => {
      const [entry] = await session.scrape([hash])
      if (entry === undefined) throw new Unmet('it has no entry')
      diagnosis.counts('two clients', `${entry.seeders}/${entry.leechers}`, '1/1')
    },
  )
  await diagnosis.step(
    'stopped',
    'A client that stops gets no right answer',
    'Clients wait for it at their end.',
    async () => {
      await session.announce({ hash, port: first, event: STOPPED })
      const { peers } = await session.announce({ hash, port: third })
      diagnosis.stopped(!peers.some(({ port }) => port === first))
    },
  )
  const cost = 'libtorrent appends the path of the URL to each announce.'
  await diagnosis.step('url_data', 'An announce with URL data (BEP 41) fails', cost, async () => {
    await session.announce({ hash, port: second, options: urlDataOption(url.target) })
    diagnosis.good('url_data', 'Announces with URL data (BEP 41) are served.')
  })
  await diagnosis.step(
    'malformed',
    'After a malformed request it is silent',
    'One client’s mistake stops others.',
    async () => {
      await session.main.answersTo(withAction(await session.connectionId(), 7, 97))
      await session.scrape([hash])
      diagnosis.good('malformed', 'A malformed request does no harm.')
    },
  )
}

// Asks an HTTP tracker as clients do, and says what is wrong with it. Called by diagnose.ts for each address.
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import { shown, Unmet } from '../check.ts'
import type { Patience } from '../deadline.ts'
import type { Diagnosis } from '../diagnosis.ts'
import { type Endpoint, usesTls } from '../endpoint.ts'
import { probeTls } from '../tls-probe.ts'
import { readBencode } from './bencode.ts'
import type { Response } from './connection.ts'
import { dictionaryOf, escaped, HttpSession, integer, peersOf } from './session.ts'

const FAILURE = 'Clients get no peers.'
const BODY_BYTES_MAX = 1_000_000

export async function probeHttp(
  endpoint: Endpoint,
  patience: Patience,
  diagnosis: Diagnosis,
  authority?: string,
): Promise<void> {
  if (usesTls(endpoint.url) && !(await probeTls(endpoint, patience, diagnosis, authority))) return
  const session = await HttpSession.open(endpoint, patience)
  try {
    await announces(session, diagnosis)
  } finally {
    await session.close()
  }
}

async function announces(session: HttpSession, diagnosis: Diagnosis): Promise<void> {
  const hash = session.newHash()
  const port = session.newPort()
  const parts = { hash, port }
  session.remember(parts)
  const start = performance.now()
  const response = await diagnosis.step('reachable', 'An announce fails', FAILURE, () =>
    session.ask(session.announceTarget(parts), {
      fields: 'Accept-Encoding: gzip\r\nUser-Agent: aquatic_doctor\r\n',
    }),
  )
  if (response === undefined) return
  diagnosis.good(
    'reachable',
    `It answers an announce in ${Math.round(performance.now() - start)} ms.`,
  )
  if (!isStatusGood(response, diagnosis)) return
  const plain = await diagnosis.step(
    'encoding',
    'The body of an answer cannot be read',
    FAILURE,
    async () => unpacked(response, diagnosis),
  )
  if (plain === undefined) return
  const dictionary = await diagnosis.step(
    'bencode',
    'The answer to an announce is wrong',
    FAILURE,
    async () => dictionaryOf(plain),
  )
  if (dictionary === undefined) return
  canonical(plain, diagnosis)
  framing(response, diagnosis)
  const reason = dictionary.get('failure reason')
  if (reason !== undefined) return diagnosis.refused(String(reason))
  const warning = dictionary.get('warning message')
  if (warning !== undefined) {
    diagnosis.add('note', 'warning_message', `It warns: ${shown(String(warning))}.`)
  }
  await diagnosis.step(
    'interval',
    'It names no interval',
    'BiglyBT takes this for a failure.',
    async () => diagnosis.interval(integer(dictionary, 'interval')),
  )
  await diagnosis.step('peers', 'Its peers cannot be read', FAILURE, async () => {
    peersOf(dictionary)
    if (!dictionary.has('peers'))
      diagnosis.add(
        'warning',
        'peers',
        'Without peers there is no "peers".',
        'rtorrent fails without it.',
      )
    else if (!Buffer.isBuffer(dictionary.get('peers')))
      diagnosis.add(
        'warning',
        'compact',
        'With compact=1 the peers are no compact string (BEP 23).',
        'It costs ten times the bandwidth.',
      )
    else diagnosis.good('compact', 'Peers are compact (BEP 23).')
  })
  await meet(session, diagnosis, hash, port)
  await malformed(session, diagnosis)
}

function isStatusGood({ status, fields }: Response, diagnosis: Diagnosis): boolean {
  if (status === 200) return true
  if (status >= 300 && status < 400) {
    const to = (fields.get('location') ?? 'nowhere').slice(0, 200)
    diagnosis.add(
      'warning',
      'redirect',
      `It redirects announces (${status}) to ${to}.`,
      'Some clients follow no redirects, the others ask twice.',
      'Give clients that URL, and ask it here too.',
    )
  } else
    diagnosis.add(
      'fault',
      'status',
      `It answers an announce with status ${status}.`,
      FAILURE,
      `${status === 404 ? 'See whether the path of the URL is right.' : ''}`,
    )
  return false
}

function unpacked(response: Response, diagnosis: Diagnosis): Response {
  const encoding = response.fields.get('content-encoding')?.toLowerCase() ?? 'identity'
  if (encoding === 'identity') return response
  const unpack = {
    gzip: gunzipSync,
    'x-gzip': gunzipSync,
    deflate: inflateSync,
    br: brotliDecompressSync,
  }[encoding]
  if (unpack === undefined || encoding === 'br')
    throw new Unmet(`its encoding is ${encoding}, but gzip was asked for`)
  try {
    const body = Buffer.from(unpack(response.body, { maxOutputLength: BODY_BYTES_MAX }))
    diagnosis.add(
      'note',
      'encoding',
      `Answers are compressed (${encoding}): ${response.body.length} bytes instead of ${body.length}.`,
    )
    return { ...response, body }
  } catch {
    throw new Unmet(`it is no ${encoding}`)
  }
}

function canonical({ body }: Response, diagnosis: Diagnosis): void {
  const { faults } = readBencode(body)
  if (faults.length === 0) diagnosis.good('bencode', 'Answers are canonical bencode.')
  else
    diagnosis.add(
      'warning',
      'bencode',
      `The bencode of an answer is not canonical: ${faults.join(', ')}.`,
      'Strict clients refuse it (BEP 3).',
    )
}

function framing({ framing: how, fields }: Response, diagnosis: Diagnosis): void {
  if (how === 'length') diagnosis.good('content_length', 'Answers say their length.')
  else if (how === 'chunked')
    diagnosis.add(
      'note',
      'content_length',
      'Answers come in chunks instead of with a length, which costs some bytes.',
    )
  else
    diagnosis.add(
      'warning',
      'content_length',
      'Answers do not say their length.',
      'Clients cannot tell a whole answer from one that was cut off.',
    )
  if (fields.has('set-cookie'))
    diagnosis.add('note', 'cookies', 'Answers set cookies, which no client returns.')
}

async function meet(
  session: HttpSession,
  diagnosis: Diagnosis,
  hash: Buffer,
  first: number,
): Promise<void> {
  const second = session.newPort()
  const two = await diagnosis.step('announce', 'A second announce fails', FAILURE, () =>
    session.announce({ hash, port: second, left: '0', numWant: 50 }),
  )
  if (two === undefined) return
  diagnosis.ownPeer(
    two.peers.find(({ port }) => port === first)?.address,
    two.peers.length,
    session.endpoint.address,
  )
  await diagnosis.step(
    'scrape',
    'A scrape fails',
    'Clients and lists see no numbers.',
    async () => {
      const [seeders, , leechers] = (await session.counts(hash)).split('/')
      diagnosis.counts('two clients', `${seeders}/${leechers}`, '1/1')
    },
  )
  await diagnosis.step(
    'stopped',
    'A client that stops gets no right answer',
    'Clients wait for it at their end.',
    async () => {
      await session.announce({ hash, port: first, event: 'stopped' })
      const { ports } = await session.announce({ hash, port: session.newPort() })
      diagnosis.stopped(!ports.includes(first))
    },
  )
}

async function malformed(session: HttpSession, diagnosis: Diagnosis): Promise<void> {
  await diagnosis.step(
    'malformed',
    'A malformed announce gets no readable answer',
    'Users do not learn what is wrong.',
    async () => {
      const query = `info_hash=${escaped(Buffer.alloc(3))}&port=1`
      const response = await session.ask(session.withQuery(session.endpoint.url.target, query))
      if (response.status >= 500) throw new Unmet(`the status is ${response.status}`)
      if (response.status === 200 && !dictionaryOf(response).has('failure reason'))
        throw new Unmet('it is served')
      if (response.status === 200)
        diagnosis.good('malformed', 'A malformed announce gets a failure reason.')
      else
        diagnosis.add(
          'note',
          'malformed',
          `A malformed announce gets status ${response.status}: most clients show only a failure reason with 200.`,
        )
    },
  )
}

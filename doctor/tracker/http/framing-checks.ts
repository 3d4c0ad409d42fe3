// Conformance checks of HTTP itself: where requests end, what is refused, and how connections live. Listed by conformance.ts.
import { type Check, must, mustBe } from '../check.ts'
import { pause } from '../deadline.ts'
import type { Response } from './connection.ts'
import { escaped, type HttpSession, served } from './session.ts'

const HTTP = 'http-protocol.md, HTTP'
const SMUGGLING = 'http-protocol.md, HTTP, Request smuggling'
const RESPONSES = 'http-protocol.md, Responses'

const PIECE_MS = 20

/** A target that is served and changes nothing. */
function scrapeTarget(session: HttpSession): string {
  return session.withQuery(session.scrapeTarget, `info_hash=${escaped(session.newHash())}`)
}

function mustServe(response: Response | undefined, what: string): void {
  must(response !== undefined, `${what} gets no response`)
  served(response)
}

/** Two requests on one connection, the second only after the answer to the first. */
async function twoInTurn(
  session: HttpSession,
  version: string,
  fields: string,
): Promise<[Response | undefined, boolean]> {
  const connection = await session.connect()
  connection.send(session.requestText(scrapeTarget(session), { version, fields }))
  mustServe(await connection.response(), 'the first request')
  connection.send(session.requestText(scrapeTarget(session), { version, fields }))
  const second = await connection.response()
  return [second, connection.hasEnded]
}

const connections: Check<HttpSession>[] = [
  {
    name: 'http/connection/stays-open',
    says: 'Over HTTP/1.1 a connection stays open for a second request.',
    source: HTTP,
    run: async (session) => {
      const [second] = await twoInTurn(session, '1.1', '')
      mustServe(second, 'a second request on the connection')
    },
  },
  {
    name: 'http/connection/closes-when-asked',
    says: 'With "Connection: close" the connection ends behind the answer.',
    source: 'RFC 9112',
    run: async (session) => {
      const { response, ends } = await session.askRaw(
        session.requestText(scrapeTarget(session), { fields: 'Connection: close\r\n' }),
      )
      mustServe(response, 'it')
      must(ends, 'the connection stays open')
    },
  },
  {
    name: 'http/connection/1.0-closes',
    says: 'Over HTTP/1.0 the connection ends behind the answer.',
    source: 'RFC 9112',
    run: async (session) => {
      const { response, ends } = await session.askRaw(
        session.requestText(scrapeTarget(session), { version: '1.0' }),
      )
      mustServe(response, 'HTTP/1.0')
      must(ends, 'the connection stays open')
    },
  },
  {
    name: 'http/connection/1.0-keep-alive-stays-open',
    says: 'Over HTTP/1.0 with "Connection: keep-alive" it stays open, and the answer says so.',
    source: HTTP,
    run: async (session) => {
      const connection = await session.connect()
      connection.send(
        session.requestText(scrapeTarget(session), {
          version: '1.0',
          fields: 'Connection: keep-alive\r\n',
        }),
      )
      const response = await connection.response()
      mustServe(response, 'it')
      must(
        /keep-alive/i.test(response?.fields.get('connection') ?? ''),
        'the answer does not say "Connection: keep-alive"',
      )
      connection.send(session.requestText(scrapeTarget(session), { version: '1.0' }))
      mustServe(await connection.response(), 'a second request')
    },
  },
  {
    name: 'http/connection/pipelined',
    says: 'Requests that follow each other without waiting are all answered, in order.',
    source: HTTP,
    run: async (session) => {
      const connection = await session.connect()
      const hashes = [session.newHash(), session.newHash(), session.newHash()]
      const targets = hashes.map((hash) =>
        session.withQuery(session.scrapeTarget, `info_hash=${escaped(hash)}`),
      )
      connection.send(targets.map((target) => session.requestText(target)).join(''))
      for (const hash of hashes) {
        const response = await connection.response()
        mustServe(response, 'one of three')
        must(response?.body.includes(hash) === true, 'an answer is that of another request')
      }
    },
  },
  {
    name: 'http/connection/request-in-pieces',
    says: 'A request that comes in pieces is answered.',
    source: 'RFC 9112',
    run: async (session) => {
      const connection = await session.connect()
      const text = session.requestText(scrapeTarget(session))
      for (const piece of [text.slice(0, 10), text.slice(10, -3), text.slice(-3)]) {
        connection.send(piece)
        // So that each leaves as a packet of its own.
        await pause(PIECE_MS)
      }
      mustServe(await connection.response(), 'it')
    },
  },
  {
    name: 'http/connection/content-length-is-right',
    says: 'An answer says its length, and it is the right one.',
    source: HTTP,
    run: async (session) => {
      const connection = await session.connect()
      connection.send(
        session.requestText(scrapeTarget(session), { fields: 'Connection: close\r\n' }),
      )
      const response = await connection.response()
      mustServe(response, 'it')
      mustBe('the end of the body is told by', response?.framing, 'length')
      must((await connection.some(1, true)) === undefined, 'bytes follow')
    },
  },
]

async function mustServeText(session: HttpSession, text: string, what: string): Promise<void> {
  mustServe((await session.askRaw(text)).response, what)
}

function accepted(
  name: string,
  says: string,
  source: string,
  text: (session: HttpSession) => string,
): Check<HttpSession> {
  return { name, says, source, run: (session) => mustServeText(session, text(session), 'it') }
}

const CLOSE = { fields: 'Connection: close\r\n' }

const tolerant: Check<HttpSession>[] = [
  accepted('http/request/bare-line-feeds', 'Lines may end with a bare LF.', HTTP, (session) =>
    session.requestText(scrapeTarget(session), CLOSE).replaceAll('\r\n', '\n'),
  ),
  accepted(
    'http/request/empty-line-before',
    'An empty line before a request is skipped.',
    HTTP,
    (session) => `\r\n${session.requestText(scrapeTarget(session), CLOSE)}`,
  ),
  accepted(
    'http/request/names-in-any-case',
    'Header names count in any case.',
    'RFC 9110',
    (session) =>
      session
        .requestText(scrapeTarget(session), { fields: 'cOnNeCtIoN: close\r\n' })
        .replace('Host', 'hOST'),
  ),
  accepted(
    'http/request/no-host',
    'A request without Host is answered: some clients send none.',
    HTTP,
    (session) => session.requestText(scrapeTarget(session), CLOSE).replace(/Host: [^\r]*\r\n/, ''),
  ),
  accepted(
    'http/request/absolute-form',
    'A target with scheme and host is served.',
    'RFC 9112',
    (session) => {
      const { url } = session.endpoint
      return session.requestText(
        `${url.protocol}://${url.host}:${url.port}${scrapeTarget(session)}`,
        CLOSE,
      )
    },
  ),
  {
    name: 'http/request/head-has-the-same-head',
    says: 'HEAD gets the same head and no body.',
    source: RESPONSES,
    run: async (session) => {
      const target = scrapeTarget(session)
      const get = await session.ask(target)
      const connection = await session.connect()
      connection.send(
        session.requestText(target, { method: 'HEAD', fields: 'Connection: close\r\n' }),
      )
      const head = await connection.response(true)
      must(head !== undefined, 'it gets no response')
      mustBe('the status', head.status, get.status)
      mustBe('Content-Length', head.fields.get('content-length'), get.fields.get('content-length'))
      must(await connection.ends(), 'a body follows')
    },
  },
  {
    name: 'http/request/post-gets-405',
    says: 'Other methods get 405 with "Allow".',
    source: RESPONSES,
    run: async (session) => {
      const response = await session.ask(scrapeTarget(session), {
        method: 'POST',
        fields: 'Content-Length: 0\r\n',
      })
      mustBe('the status', response.status, 405)
      must(/\bGET\b/.test(response.fields.get('allow') ?? ''), 'no "Allow" names GET')
    },
  },
  {
    name: 'http/request/other-path-gets-404',
    says: 'Other paths get 404.',
    source: RESPONSES,
    run: async (session) =>
      mustBe('the status', (await session.ask('/no/such/path/here')).status, 404),
  },
  {
    name: 'http/request/root-says-what-this-is',
    says: '/ gets 200 and a line that says what this is.',
    source: RESPONSES,
    run: async (session) => {
      const { status, body } = await session.ask('/')
      mustBe('the status', status, 200)
      must(/tracker/i.test(body.toString('latin1')), 'it does not say that this is a tracker')
    },
  },
  {
    name: 'http/request/health',
    says: '/health gets 200 and "ok".',
    source: RESPONSES,
    run: async (session) => {
      const { status, body } = await session.ask('/health')
      mustBe('the answer', `${status} ${body.toString('latin1').trim()}`, '200 ok')
    },
  },
]

const SECOND = 'GET /second HTTP/1.1\r\nHost: a\r\n\r\n'

/** A request whose length another server might read differently: answered once, and then the connection ends. */
function ends(name: string, says: string, fields: string, rest: string): Check<HttpSession> {
  const run = async (session: HttpSession) => {
    const text = session.requestText(scrapeTarget(session), { fields }) + rest + SECOND
    const { response, ends } = await session.askRaw(text)
    must(response !== undefined, 'it gets no response')
    must(ends, 'what stands behind it is read as a request, or the connection stays open')
  }
  return { name, says, source: SMUGGLING, run }
}

/** Whether it gets this status, and the connection ends. */
function refuses(
  name: string,
  says: string,
  status: number,
  text: (request: string, session: HttpSession) => string,
): Check<HttpSession> {
  const run = async (session: HttpSession) => {
    const request = text(session.requestText(scrapeTarget(session)), session)
    const { response, ends } = await session.askRaw(request + SECOND)
    must(response !== undefined, 'it gets no response')
    mustBe('the status', response.status, status)
    must(ends, 'what stands behind it is read as a request, or the connection stays open')
  }
  return { name, says, source: status === 400 ? SMUGGLING : RESPONSES, run }
}

const withField = (field: string) => (request: string) =>
  request.replace(/\r\n\r\n$/, `\r\n${field}\r\n\r\n`)

const strict: Check<HttpSession>[] = [
  ends(
    'http/smuggling/body-by-length',
    'A request with a body is answered, and the connection ends: no body is read.',
    'Content-Length: 4\r\n',
    'abcd',
  ),
  ends(
    'http/smuggling/body-in-chunks',
    'The same with Transfer-Encoding.',
    'Transfer-Encoding: chunked\r\n',
    '0\r\n\r\n',
  ),
  refuses(
    'http/smuggling/both-lengths',
    'Content-Length and Transfer-Encoding together get 400.',
    400,
    withField('Content-Length: 4\r\nTransfer-Encoding: chunked'),
  ),
  refuses(
    'http/smuggling/lengths-that-differ',
    'Two lengths that differ get 400.',
    400,
    withField('Content-Length: 0\r\nContent-Length: 40'),
  ),
  refuses(
    'http/smuggling/length-with-a-sign',
    'A length that is not one plain number gets 400.',
    400,
    withField('Content-Length: +0'),
  ),
  refuses(
    'http/smuggling/folded-line',
    'A folded line gets 400.',
    400,
    withField('X-A: b\r\n Content-Length: 40'),
  ),
  refuses(
    'http/smuggling/space-before-colon',
    'A space before a colon gets 400.',
    400,
    withField('Content-Length : 40'),
  ),
  refuses(
    'http/smuggling/bare-carriage-return',
    'A CR without LF gets 400.',
    400,
    withField('X-A: b\rContent-Length: 40'),
  ),
  refuses('http/smuggling/nul', 'NUL gets 400.', 400, withField('X-A: b\0c')),
  refuses(
    'http/smuggling/two-spaces-before-version',
    'Two spaces before the version get 400.',
    400,
    (request) => request.replace(' HTTP/1.1', '  HTTP/1.1'),
  ),
  refuses(
    'http/smuggling/version-in-lower-case',
    'A version other than HTTP/1.0 or HTTP/1.1 is refused.',
    400,
    (request) => request.replace('HTTP/1.1', 'http/1.1'),
  ),
  refuses('http/refused/http-2', 'HTTP/2.0 gets 505.', 505, (request) =>
    request.replace('HTTP/1.1', 'HTTP/2.0'),
  ),
  refuses('http/refused/long-target', 'A request line above 16 KiB gets 414.', 414, (request) =>
    request.replace('?', `?x=${'y'.repeat(17_000)}&`),
  ),
  refuses('http/refused/long-head', 'A head above 24 KiB gets 431.', 431, (request) =>
    withField(`X-A: ${'b'.repeat(26_000)}`)(request),
  ),
]

export const FRAMING_CHECKS: readonly Check<HttpSession>[] = [
  ...connections,
  ...tolerant,
  ...strict,
]

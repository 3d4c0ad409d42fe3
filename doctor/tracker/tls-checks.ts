// Conformance checks of TLS, the same for https and wss. Listed by conformance.ts.
import type { ConnectionOptions } from 'node:tls'
import { type Check, must, Skip } from './check.ts'
import type { Patience } from './deadline.ts'
import { type Endpoint, usesTls } from './endpoint.ts'
import { Connection } from './http/connection.ts'

interface TlsSession {
  readonly endpoint: Endpoint
  readonly patience: Patience
}

const HTTPS = 'http-protocol.md, HTTPS'

/** What a handshake agrees on by ALPN, false for nothing; null if it fails. */
async function handshake(
  { endpoint, patience }: TlsSession,
  options: ConnectionOptions,
): Promise<string | false | null> {
  if (!usesTls(endpoint.url)) throw new Skip('no TLS')
  try {
    const connection = await Connection.open(endpoint, patience, options)
    const { tls } = connection
    connection.close()
    return tls?.alpnProtocol ?? false
  } catch {
    return null
  }
}

function version(
  name: string,
  says: string,
  source: string,
  only: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3',
  isSpoken: boolean,
): Check<TlsSession> {
  const run = async (session: TlsSession) => {
    const failed = (await handshake(session, { minVersion: only, maxVersion: only })) === null
    must(failed !== isSpoken, failed ? 'the handshake fails' : 'the handshake succeeds')
  }
  return { name, says, source, run }
}

/** `group`: what their names begin with. */
export function tlsChecks(group: 'http' | 'ws'): readonly Check<TlsSession>[] {
  return [
    version(
      `${group}/tls/1.2`,
      'TLS 1.2 is spoken: old clients know nothing newer.',
      HTTPS,
      'TLSv1.2',
      true,
    ),
    version(`${group}/tls/1.3`, 'TLS 1.3 is spoken.', HTTPS, 'TLSv1.3', true),
    version(`${group}/tls/not-1.1`, 'TLS 1.1 is not spoken.', 'RFC 8996', 'TLSv1.1', false),
    {
      name: `${group}/tls/no-http-2`,
      says: 'An offer of h2 is not taken up: clients then use HTTP/1.1.',
      source: HTTPS,
      run: async (session) => {
        const chosen = await handshake(session, { ALPNProtocols: ['h2', 'http/1.1'] })
        must(chosen !== null, 'the handshake fails')
        must(chosen !== 'h2', 'h2 is chosen')
      },
    },
  ]
}

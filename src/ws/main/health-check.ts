// The requests that `aquatic_ws --health-check` sends: a handshake and a scrape, which changes nothing; if
// access keys are required, only GET /health.
import { addressText, type SocketAddress } from '../../config/address.ts'
import { headerOfHost } from '../../tcp/client-address.ts'

const INFO_HASH = '\u0000'.repeat(20)

/**
 * Null if the scrape is answered. The certificate is not verified: it names the site, not this address.
 * `proxyHeader`: this address may be a trusted proxy's, so the request must not look like one from a proxy that
 * names no client.
 */
export function askForScrape(
  address: SocketAddress,
  useTls: boolean,
  proxyHeader: string,
): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>()
  const url = `${useTls ? 'wss' : 'ws'}://${addressText(address)}/`
  const socket = new WebSocket(url, {
    tls: { rejectUnauthorized: false },
    headers: { [proxyHeader]: headerOfHost(proxyHeader) },
  })
  socket.onopen = () => socket.send(JSON.stringify({ action: 'scrape', info_hash: INFO_HASH }))
  socket.onerror = () => resolve('no WebSocket connection')
  socket.onclose = ({ code }) => resolve(`closed with code ${code}`)
  socket.onmessage = ({ data }) => {
    const isAnswer = /"action":"scrape"/.test(String(data))
    resolve(isAnswer ? null : `not an answer to a scrape: ${String(data).slice(0, 100)}`)
    socket.close()
  }
  return promise
}

/** Null if it serves, as far as can be told without a WebSocket connection. */
export async function askForHealth(
  address: SocketAddress,
  useTls: boolean,
  milliseconds: number,
): Promise<string | null> {
  const response = await fetch(`${useTls ? 'https' : 'http'}://${addressText(address)}/health`, {
    signal: AbortSignal.timeout(milliseconds),
    redirect: 'manual',
    tls: { rejectUnauthorized: false },
  })
  return response.status === 200 ? null : `status ${response.status}`
}

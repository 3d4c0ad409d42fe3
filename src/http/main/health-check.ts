// The question of `aquatic_http --health-check`.
import { addressText, type SocketAddress } from '../../config/address.ts'

/** Null for a right answer. The certificate is not judged: it names the site, not this address. */
export async function askForHealth(
  address: SocketAddress,
  milliseconds: number,
  useTls: boolean,
): Promise<string | null> {
  const scheme = useTls ? 'https' : 'http'
  const response = await fetch(`${scheme}://${addressText(address)}/health`, {
    tls: { rejectUnauthorized: false },
    signal: AbortSignal.timeout(milliseconds),
    redirect: 'manual',
    headers: { connection: 'close' },
  })
  return response.status === 200 ? null : `status ${response.status}`
}

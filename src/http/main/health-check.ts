// The request that `aquatic_http --health-check` sends.
import { addressText, type SocketAddress } from '../../config/address.ts'

/** Null if the answer is as expected. The certificate is not verified, since it names the site, not this address. */
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

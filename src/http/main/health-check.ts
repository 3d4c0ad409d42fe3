// The question of `aquatic_http --health-check`.
import { addressText, type SocketAddress } from '../../config/address.ts'

/** Null for a right answer. */
export async function askForHealth(
  address: SocketAddress,
  milliseconds: number,
): Promise<string | null> {
  const response = await fetch(`http://${addressText(address)}/health`, {
    signal: AbortSignal.timeout(milliseconds),
    redirect: 'manual',
    headers: { connection: 'close' },
  })
  return response.status === 200 ? null : `status ${response.status}`
}

// Waits for the tracker's answer to a first connect request, so that a run starts with a tracker that
// is there, or with a clear message about one that is not. Called once by main.ts.
import { addressText, type SocketAddress } from '../../src/config/address.ts'
import { StartError } from '../../src/config/cli.ts'
import { counted } from '../../src/config/quantities.ts'

const ASK_AGAIN_MS = 100
const REQUEST = Buffer.from('0000041727101980' + '00000000' + '41510001', 'hex')
const TRANSACTION_AT = 12

/** `ended` tells why there is no point in waiting any longer, or null. Throws StartError. */
export async function waitForTracker(
  server: SocketAddress,
  timeoutSec: number,
  ended: () => string | null,
): Promise<void> {
  let refused = false
  let answer: Buffer | null = null
  const socket = await Bun.udpSocket({
    hostname: server.family === 6 ? '::' : '0.0.0.0',
    connect: { hostname: server.host, port: server.port },
    socket: {
      data: (_, packet) => {
        answer ??= Buffer.from(packet)
      },
      error: () => {
        refused = true
      },
    },
  })
  try {
    const deadline = performance.now() + timeoutSec * 1000
    while (answer === null && ended() === null && performance.now() < deadline) {
      socket.send(REQUEST)
      await Bun.sleep(ASK_AGAIN_MS)
    }
  } finally {
    socket.close()
  }
  if (answer !== null) return refuseOthers(server, answer)
  const why = ended() ?? (refused ? 'nothing listens there' : 'no answer came')
  throw new StartError(
    `cannot reach the tracker at ${addressText(server)} within ${timeoutSec} s: ${why}. Start it, or ` +
      'set server_address.',
  )
}

function refuseOthers(server: SocketAddress, answer: Buffer): void {
  const expected = REQUEST.subarray(TRANSACTION_AT, TRANSACTION_AT + 4)
  if (answer.length >= 8 && answer.subarray(4, 8).equals(expected)) return
  throw new StartError(
    `what answers at ${addressText(server)} is no UDP tracker: a connect request got ` +
      `${counted(answer.length, 'byte')} with another transaction id`,
  )
}

// The question of `aquatic_udp --health-check`: a connect request, which every client begins with.
import { randomInt } from 'node:crypto'
import type { SocketAddress } from '../../config/address.ts'
import {
  ACTION_CONNECT,
  CONNECT_RESPONSE_BYTES,
  PROTOCOL_ID_0,
  PROTOCOL_ID_1,
  REQUEST_ACTION,
  REQUEST_BYTES_MIN,
  REQUEST_TRANSACTION,
} from '../wire/layout.ts'

/** UDP may lose a packet, even on one machine when a buffer is full. */
const REPEAT_MILLISECONDS = 300

/** Null for a right answer; packets that are none are waited past. */
export async function askForConnectionId(address: SocketAddress): Promise<string | null> {
  const request = new Int32Array(REQUEST_BYTES_MIN / 4)
  request[0] = PROTOCOL_ID_0
  request[1] = PROTOCOL_ID_1
  request[REQUEST_ACTION] = ACTION_CONNECT
  request[REQUEST_TRANSACTION] = randomInt(2 ** 31)
  const { promise, resolve } = Promise.withResolvers<string | null>()
  const socket = await Bun.udpSocket({
    hostname: address.family === 4 ? '0.0.0.0' : '::',
    connect: { hostname: address.host, port: address.port },
    binaryType: 'uint8array',
    socket: {
      data: (_, packet) => {
        if (isAnswer(packet, request)) resolve(null)
      },
      // The runtime gives the error alone, its types say that the socket comes before it.
      error: (...given: unknown[]) => resolve(textOf(given.at(-1))),
    },
  })
  const send = () => socket.send(new Uint8Array(request.buffer))
  send()
  const timer = setInterval(send, REPEAT_MILLISECONDS)
  return promise.finally(() => {
    clearInterval(timer)
    socket.close()
  })
}

function textOf(error: unknown): string {
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ECONNREFUSED') {
    return 'connection refused: nothing listens there'
  }
  return error instanceof Error ? error.message : String(error)
}

/** The action and the transaction id of the request, and an id behind them. */
function isAnswer(packet: Uint8Array, request: Int32Array): boolean {
  if (packet.length < CONNECT_RESPONSE_BYTES) return false
  const words = new Int32Array(packet.slice(0, CONNECT_RESPONSE_BYTES).buffer)
  return words[0] === ACTION_CONNECT && words[1] === request[REQUEST_TRANSACTION]
}

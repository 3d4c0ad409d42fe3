// The request that `aquatic_udp --health-check` sends: a connect, with which every client begins.
import { randomInt } from 'node:crypto'
import type { SocketAddress } from '../../config/address.ts'
import {
  ACTION_CONNECT,
  ACTION_ERROR,
  CONNECT_RESPONSE_BYTES,
  ERROR_RESPONSE_TEXT_BYTES,
  PROTOCOL_ID_0,
  PROTOCOL_ID_1,
  REQUEST_ACTION,
  REQUEST_BYTES_MIN,
  REQUEST_TRANSACTION,
} from '../wire/layout.ts'

/** UDP can lose a packet, even on one machine when a buffer is full. */
const REPEAT_MILLISECONDS = 300

/** Null for a correct answer; other packets are ignored. */
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
      // The runtime passes only the error, although its types say that the socket comes first.
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

/** Whether the packet has the request's transaction id: with an id, or with the error of a pause. */
function isAnswer(packet: Uint8Array, request: Int32Array): boolean {
  if (packet.length < ERROR_RESPONSE_TEXT_BYTES) return false
  const [action, transaction] = new Int32Array(packet.slice(0, ERROR_RESPONSE_TEXT_BYTES).buffer)
  if (transaction !== request[REQUEST_TRANSACTION]) return false
  return action === ACTION_CONNECT
    ? packet.length >= CONNECT_RESPONSE_BYTES
    : action === ACTION_ERROR
}

// Opens UDP sockets with the options a tracker needs. Called by main at the start, before workers run.
// A socket is a plain descriptor of the process: workers use it by its number.
import { addressOf, libc, nativeWords } from './ffi.ts'
import {
  AF_INET,
  AF_INET6,
  IP_MTU_DISCOVER,
  IP_PKTINFO,
  IP_PMTUDISC_OMIT,
  IPV6_RECVPKTINFO,
  IPV6_V6ONLY,
  SO_MEMINFO,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_REUSEPORT,
  SO_SNDBUF,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
} from './kernel.ts'
import { bindSocket, boundName, check, getOption, setOption, socketAddress } from './socket.ts'

// struct of SO_MEMINFO: nine u32, the last of which counts drops (linux/sock_diag.h).
const MEMINFO_WORDS = 9
const MEMINFO_DROPS = 8

/** Room for several batches of answers that wait for a slow network device. */
const SEND_BUFFER_BYTES = 4 * 2 ** 20

export interface UdpSocketOptions {
  readonly family: 4 | 6
  /** 4 or 16 bytes. */
  readonly address: readonly number[]
  readonly port: number
  /** Let others of this user open the same port too: packets are then spread over the sockets. */
  readonly sharePort: boolean
  /** IPv6: take IPv4 packets too. */
  readonly dualStack: boolean
  /** Ask for each packet's destination, so that the answer can come from there. */
  readonly packetInfo: boolean
  /** 0 = the system's default. */
  readonly receiveBufferBytes: number
}

export interface UdpSocket {
  readonly fd: number
  readonly port: number
  readonly receiveBufferBytes: number
}

export function openUdpSocket(options: UdpSocketOptions): UdpSocket {
  const socket = createUdpSocket(options)
  try {
    return { ...socket, port: bindUdpSocket(socket.fd, options) }
  } catch (error) {
    libc.close(socket.fd)
    throw error
  }
}

/** A socket that hears nothing until it is bound. */
export function createUdpSocket(options: UdpSocketOptions): UdpSocket {
  const family = options.family === 4 ? AF_INET : AF_INET6
  const fd = check('socket', libc.socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0))
  try {
    setOptions(fd, options)
    return { fd, port: options.port, receiveBufferBytes: receiveBuffer(fd) }
  } catch (error) {
    libc.close(fd)
    throw error
  }
}

/** Returns the port. */
export function bindUdpSocket(fd: number, options: UdpSocketOptions): number {
  return bindSocket(fd, options)
}

/** From now on the socket sends to this address and hears nobody else. Returns its own address, as bytes. */
export function connectUdpSocket(
  fd: number,
  to: { family: 4 | 6; address: readonly number[]; port: number },
): number[] {
  const address = socketAddress(to)
  check('connect', libc.connect(fd, addressOf(address) as never, to.family === 4 ? 16 : 28))
  const bytes = boundName(fd)
  return to.family === 4 ? [...bytes.slice(4, 8)] : [...bytes.slice(8, 24)]
}

export function closeSocket(fd: number): void {
  libc.close(fd)
}

/**
 * Packets that the system has dropped at this socket since it was opened, as a rule because its receive
 * buffer was full. A 32-bit count. It needs no /proc, so it works after a chroot.
 */
export function receiveDrops(fd: number): number {
  const words = nativeWords(MEMINFO_WORDS + 1)
  words[MEMINFO_WORDS] = MEMINFO_WORDS * 4
  const at = addressOf(words)
  const length = at + MEMINFO_WORDS * 4
  check('getsockopt', libc.getsockopt(fd, SOL_SOCKET, SO_MEMINFO, at as never, length as never))
  return words[MEMINFO_DROPS] >>> 0
}

function setOptions(fd: number, options: UdpSocketOptions): void {
  if (options.sharePort) setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1)
  setOption(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER_BYTES)
  allowFragments(fd, options)
  if (options.receiveBufferBytes > 0) setReceiveBuffer(fd, options.receiveBufferBytes)
  if (options.family === 6) setOption(fd, SOL_IPV6, IPV6_V6ONLY, options.dualStack ? 0 : 1)
  if (!options.packetInfo) return
  if (options.family === 4) setOption(fd, SOL_IP, IP_PKTINFO, 1)
  else setOption(fd, SOL_IPV6, IPV6_RECVPKTINFO, 1)
}

/**
 * Without the flag «don't fragment», which the system sets by default: a full answer would be lost on
 * paths that carry less than Ethernet (PPPoE, tunnels), and so would its repetition wherever the
 * message that says so is filtered. It also makes forged messages of that kind pointless.
 */
function allowFragments(fd: number, { family, dualStack }: UdpSocketOptions): void {
  if (family === 4 || dualStack) setOption(fd, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT)
}

/** Beyond the system's maximum if we have the right to, else up to it. Returns what was granted. */
export function setReceiveBuffer(fd: number, bytes: number): number {
  const words = nativeWords(1)
  words[0] = bytes
  const at = addressOf(words)
  if (libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, at as never, 4) !== 0) {
    setOption(fd, SOL_SOCKET, SO_RCVBUF, bytes)
  }
  return receiveBuffer(fd)
}

/** What the kernel granted. It reports twice what it counts for payload. */
function receiveBuffer(fd: number): number {
  return getOption(fd, SO_RCVBUF) / 2
}

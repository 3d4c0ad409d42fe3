// The one place that touches bun:ffi: native memory, its addresses, and libc's functions.
// Used by the other files of src/os and by src/memory. Owns nothing but the loaded library.
//
// Rule: `ptr` of a typed array that brought its own small buffer goes stale when the engine moves
// that buffer, and native code then writes to freed memory without any error. So all memory that
// the kernel sees comes from `nativeWords`, which puts it on an explicit ArrayBuffer, and the view
// must stay referenced for as long as the kernel may use it. A constant of a module does not count
// as a reference: if no function of the module mentions it, the engine drops it once the module has
// run, however long its address is used. So what a module keeps comes from `permanentWords`.
import { dlopen, FFIType, ptr, read, toArrayBuffer } from 'bun:ffi'
import { endWithoutCode } from './code-limits.ts'
import {
  MADV_HUGEPAGE,
  MAP_ANONYMOUS,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_READ,
  PROT_WRITE,
} from './kernel.ts'

// All supported machines are little endian: of a pointer in memory the low half comes first.
const TWO_32 = 4294967296

/** Buffers across a 4 GiB border, kept so that the next attempt gets another place. */
const straddlers: Int32Array[] = []

/** Of x86-64, and of arm64 with pages of 4 KiB. */
const HUGE_PAGE_BYTES = 2 ** 21

const { i32, u32, u64, ptr: pointer } = FFIType

/**
 * Zeroed memory of `count` 32-bit words whose address never changes. It lies within one 4 GiB part
 * of the address space, so that the high half of all pointers into it is the same.
 */
export function nativeWords(count: number): Int32Array<ArrayBuffer> {
  if (count < 1) throw new RangeError('no memory was asked for')
  // Whole pages: the kernel and the engine then never share a line, and the buffer is not a small one.
  const bytes = Math.ceil((count * 4) / 4096) * 4096
  for (;;) {
    const words = new Int32Array(new ArrayBuffer(bytes), 0, count)
    const address = ptr(words) as number
    if (Math.floor(address / TWO_32) === Math.floor((address + bytes - 1) / TWO_32)) return words
    straddlers.push(words)
  }
}

const permanent: Int32Array[] = []

/** The same, never given back: for the constants of a module. */
export function permanentWords(count: number): Int32Array<ArrayBuffer> {
  const words = nativeWords(count)
  permanent.push(words)
  return words
}

/** The low and high half of an address, as native code wants pointers in memory. */
export function addressLow(view: Int32Array<ArrayBufferLike>): number {
  return ((ptr(view) as number) % TWO_32) | 0
}

export function addressHigh(view: Int32Array<ArrayBufferLike>): number {
  return Math.floor((ptr(view) as number) / TWO_32)
}

/** The address of a view made on an explicit ArrayBuffer or SharedArrayBuffer. */
export function addressOf(view: Int32Array<ArrayBufferLike>): number {
  return ptr(view)
}

/** A zero-terminated copy of `text` for C. Keep it referenced during the call. */
export function cString(text: string): Int32Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(text)
  const words = nativeWords(Math.ceil((bytes.length + 1) / 4))
  new Uint8Array(words.buffer).set(bytes)
  return words
}

/** Reads memory that C owns: a copy, never a view. */
export function readWord(address: number, offset: number): number {
  return read.i32(address as never, offset)
}

const SYMBOLS = {
  socket: { args: [i32, i32, i32], returns: i32 },
  bind: { args: [i32, pointer, u32], returns: i32 },
  connect: { args: [i32, pointer, u32], returns: i32 },
  listen: { args: [i32, i32], returns: i32 },
  accept4: { args: [i32, pointer, pointer, i32], returns: i32 },
  // A result of 64 bits would be a BigInt, which is allocated; nothing here is as long as 2 GiB.
  recv: { args: [i32, pointer, u64, i32], returns: i32 },
  send: { args: [i32, pointer, u64, i32], returns: i32 },
  close: { args: [i32], returns: i32 },
  shutdown: { args: [i32, i32], returns: i32 },
  epoll_create1: { args: [i32], returns: i32 },
  epoll_wait: { args: [i32, pointer, i32, i32], returns: i32 },
  epoll_ctl: { args: [i32, i32, i32, pointer], returns: i32 },
  setsockopt: { args: [i32, i32, i32, pointer, u32], returns: i32 },
  getsockopt: { args: [i32, i32, i32, pointer, pointer], returns: i32 },
  getsockname: { args: [i32, pointer, pointer], returns: i32 },
  getpeername: { args: [i32, pointer, pointer], returns: i32 },
  recvmmsg: { args: [i32, pointer, u32, i32, pointer], returns: i32 },
  sendmmsg: { args: [i32, pointer, u32, i32], returns: i32 },
  eventfd: { args: [u32, i32], returns: i32 },
  // Only the sign of a result's lower half is used.
  read: { args: [i32, pointer, u64], returns: i32 },
  write: { args: [i32, pointer, u64], returns: i32 },
  poll: { args: [pointer, u64, i32], returns: i32 },
  ppoll: { args: [pointer, u64, pointer, pointer], returns: i32 },
  clock_gettime: { args: [i32, pointer], returns: i32 },
  mmap: { args: [pointer, u64, i32, i32, i32, u64], returns: pointer },
  munmap: { args: [pointer, u64], returns: i32 },
  if_nametoindex: { args: [pointer], returns: u32 },
  memmove: { args: [pointer, pointer, u64], returns: pointer },
  getpagesize: { args: [], returns: i32 },
  madvise: { args: [pointer, u64, i32], returns: i32 },
  getpwnam: { args: [pointer], returns: pointer },
  getgrnam: { args: [pointer], returns: pointer },
  geteuid: { args: [], returns: u32 },
  setgroups: { args: [u64, pointer], returns: i32 },
  setgid: { args: [u32], returns: i32 },
  setuid: { args: [u32], returns: i32 },
  chroot: { args: [pointer], returns: i32 },
  chdir: { args: [pointer], returns: i32 },
  setfsuid: { args: [u32], returns: i32 },
  setfsgid: { args: [u32], returns: i32 },
  faccessat: { args: [i32, pointer, i32, i32], returns: i32 },
  prctl: { args: [i32, u64, u64, u64, u64], returns: i32 },
  capget: { args: [pointer, pointer], returns: i32 },
  capset: { args: [pointer, pointer], returns: i32 },
  sigprocmask: { args: [i32, pointer, pointer], returns: i32 },
  signal: { args: [i32, pointer], returns: pointer },
  execv: { args: [pointer, pointer], returns: i32 },
  memfd_create: { args: [pointer, u32], returns: i32 },
  fchown: { args: [i32, u32, u32], returns: i32 },
  _exit: { args: [i32], returns: FFIType.void },
  getrlimit: { args: [i32, pointer], returns: i32 },
  // Variadic in C, which makes no difference to numbers and addresses.
  fcntl: { args: [i32, i32, pointer], returns: i32 },
  ioctl: { args: [i32, u64, pointer], returns: i32 },
  adjtimex: { args: [pointer], returns: i32 },
  syscall: { args: [i32, i32, pointer, u32, u32], returns: i32 },
  __errno_location: { args: [], returns: pointer },
} as const

/**
 * Memory that the kernel maps, for as long as the process runs or until `unmap`: of a descriptor, from `offset` on, or
 * none's (−1). Null if it refuses; errno() then says why. It begins at a page.
 */
export function mapMemory(bytes: number, fd = -1, offset = 0): number | null {
  const flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED
  return map(bytes, flags | MAP_POPULATE, fd, offset)
}

function map(bytes: number, flags: number, fd: number, offset: number): number | null {
  const both = PROT_READ | PROT_WRITE
  const address = libc.mmap(null as never, bytes as never, both, flags, fd, offset as never)
  // MAP_FAILED is all ones.
  const number = Number(address ?? 0)
  return number === 0 || number >= 2 ** 63 ? null : number
}

/**
 * The same for memory that is read at every packet: in huge pages where the system has them, which spare the processor
 * looking up a page for each frame. It may be longer than asked for, and takes none before it is used.
 */
export function mapHugePages(bytes: number): { address: number; bytes: number } | null {
  // Whole huge pages: only then does Linux (6.7) begin at one.
  const mapped = Math.ceil(bytes / HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES
  const address = map(mapped, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
  if (address === null) return null
  const whole = Math.floor(bytes / HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES
  libc.madvise(address as never, whole as never, MADV_HUGEPAGE)
  return { address, bytes: mapped }
}

/** No view of it may be used from then on, in any thread. */
export function unmapMemory(address: number, bytes: number): void {
  libc.munmap(address as never, bytes as never)
}

/** A view of mapped memory, in any thread of the process. */
export function mappedWords(address: number, bytes: number): Int32Array<ArrayBuffer> {
  return new Int32Array(toArrayBuffer(address as never, 0, bytes))
}

export const libc = load()

function load() {
  try {
    return dlopen('libc.so.6', SYMBOLS).symbols
  } catch (error) {
    return endWithoutCode(error)
  }
}

// glibc keeps one errno per thread and never moves it; each worker loads this module for itself.
const errnoAddress = libc.__errno_location() as unknown as number

/** errno of this thread's last failed call. Read it right after the call. */
export function errno(): number {
  return read.i32(errnoAddress as never, 0)
}

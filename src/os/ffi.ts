// The one place that touches bun:ffi: native memory, its addresses, and libc's functions.
// Used by the other files of src/os and by src/memory. Owns nothing but the loaded library.
//
// Rule: `ptr` of a typed array that brought its own small buffer goes stale when the engine moves
// that buffer, and native code then writes to freed memory without any error. So all memory that
// the kernel sees comes from `nativeWords`, which puts it on an explicit ArrayBuffer, and the view
// must stay referenced for as long as the kernel may use it.
import { dlopen, FFIType, ptr, read, toArrayBuffer } from 'bun:ffi'

const { i32, u32, u64, ptr: pointer } = FFIType

/** The first 32-bit word of an address in memory is its low half: all supported machines are little endian. */
export const TWO_32 = 4294967296

/** Zeroed memory of `count` 32-bit words whose address never changes. */
export function nativeWords(count: number): Int32Array<ArrayBuffer> {
  // Whole pages: the kernel and the engine then never share a line, and the buffer is not a small one.
  const bytes = Math.ceil((count * 4) / 4096) * 4096
  return new Int32Array(new ArrayBuffer(bytes), 0, count)
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

export function readPointer(address: number, offset: number): number {
  return read.ptr(address as never, offset)
}

export function copyNative(address: number, bytes: number): Uint8Array {
  return new Uint8Array(toArrayBuffer(address as never, 0, bytes)).slice()
}

const SYMBOLS = {
  socket: { args: [i32, i32, i32], returns: i32 },
  bind: { args: [i32, pointer, u32], returns: i32 },
  connect: { args: [i32, pointer, u32], returns: i32 },
  close: { args: [i32], returns: i32 },
  setsockopt: { args: [i32, i32, i32, pointer, u32], returns: i32 },
  getsockopt: { args: [i32, i32, i32, pointer, pointer], returns: i32 },
  getsockname: { args: [i32, pointer, pointer], returns: i32 },
  recvmmsg: { args: [i32, pointer, u32, i32, pointer], returns: i32 },
  sendmmsg: { args: [i32, pointer, u32, i32], returns: i32 },
  poll: { args: [pointer, u64, i32], returns: i32 },
  clock_gettime: { args: [i32, pointer], returns: i32 },
  madvise: { args: [pointer, u64, i32], returns: i32 },
  getpwnam: { args: [pointer], returns: pointer },
  getgrnam: { args: [pointer], returns: pointer },
  initgroups: { args: [pointer, u32], returns: i32 },
  setgid: { args: [u32], returns: i32 },
  setuid: { args: [u32], returns: i32 },
  getuid: { args: [], returns: u32 },
  chroot: { args: [pointer], returns: i32 },
  chdir: { args: [pointer], returns: i32 },
  __errno_location: { args: [], returns: pointer },
} as const

export const libc = dlopen('libc.so.6', SYMBOLS).symbols

// glibc keeps one errno per thread and never moves it; each worker loads this module for itself.
const errnoAddress = libc.__errno_location() as unknown as number

/** errno of this thread's last failed call. Read it right after the call. */
export function errno(): number {
  return read.i32(errnoAddress as never, 0)
}

// What there is to know about the machine's memory. Used where sizes come in pages. Owns nothing.
import { libc } from './ffi.ts'

/** The size of the system's pages: 4 KiB, on some arm64 kernels 64 KiB. */
export function pageBytes(): number {
  return libc.getpagesize()
}

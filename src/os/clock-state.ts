// Whether the kernel's clock follows a time server, as timesyncd, chrony and ntpd tell it. Used by the doctor.
import { addressOf, libc, nativeWords } from './ffi.ts'
import { STA_UNSYNC, TIME_ERROR } from './kernel.ts'

/** struct timex: 0 modes u32 │ … │ 40 status i32 │ …, 208 bytes. With modes 0 nothing is set. */
const TIMEX_WORDS = 52
const TIMEX_STATUS = 10

/** Null where the call is not permitted, as in some containers. */
export function clockIsSynchronised(): boolean | null {
  const timex = nativeWords(TIMEX_WORDS)
  const state = libc.adjtimex(addressOf(timex) as never)
  if (state < 0) return null
  return state !== TIME_ERROR && (timex[TIMEX_STATUS] & STA_UNSYNC) === 0
}

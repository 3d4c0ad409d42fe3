// Makes it impossible for a process, and anything it starts, to regain rights: no program that
// it executes gains any (no_new_privs), and no capability can come back (an empty bounding set). Called by
// process/confine.ts in the main thread.
//
// The kernel keeps both per thread, new threads get them from the thread that starts them, and the runtime
// has started threads before it runs our first line. Only execve gets rid of those. So the
// main thread confines itself, and the program then starts again in the same process.
//
// Because its bounding set is empty, root would lose its capabilities in execve; they are
// carried over as inheritable ones. When the process becomes another user, the kernel takes them from all
// threads but for the inheritable set, which is only cleared here, for the main thread and the workers.
// In the runtime's own threads it stays: with no_new_privs no file can turn it into anything.
import { SystemError } from './error.ts'
import {
  addressHigh,
  addressLow,
  addressOf,
  cString,
  errno,
  libc,
  nativeWords,
  permanentWords,
} from './ffi.ts'
import {
  CAP_SETPCAP,
  PR_CAPBSET_DROP,
  PR_CAPBSET_READ,
  PR_GET_NO_NEW_PRIVS,
  PR_SET_NO_NEW_PRIVS,
} from './kernel.ts'

/** More than any kernel knows; it answers with an error for those beyond. */
const CAPABILITIES_MAX = 64

const VERSION_3 = 0x20080522
// Two words of each set: 0 effective │ 1 permitted │ 2 inheritable │ 3 effective │ 4 permitted │ 5 inheritable
const SET_WORDS = 6
const EFFECTIVE = 0
const PERMITTED = [1, 4]
const INHERITABLE = [2, 5]

/** 0 version │ 1 thread, 0 = this one */
const header = permanentWords(2)
header[0] = VERSION_3
const headerAddress = addressOf(header)

/** Whether this thread, and what it starts, can gain no more rights. */
export function isConfined(): boolean {
  if (prctl('PR_GET_NO_NEW_PRIVS', PR_GET_NO_NEW_PRIVS, 0) !== 1) return false
  // Some containers lack the right to drop them; with no_new_privs nobody gains what stays.
  return boundingSet().length === 0 || !mayDropBounds()
}

/** Of this thread and those that it starts from now on. Throws SystemError. */
export function clearInheritable(): void {
  const sets = readSets()
  for (const at of INHERITABLE) sets[at] = 0
  writeSets(sets)
}

/** Confines this thread, keeping the capabilities that it has. Throws SystemError. */
export function confineThread(): void {
  if (mayDropBounds()) {
    const sets = readSets()
    for (const [i, at] of INHERITABLE.entries()) sets[at] = sets[PERMITTED[i]]
    writeSets(sets)
    for (const capability of boundingSet()) {
      prctl('PR_CAPBSET_DROP', PR_CAPBSET_DROP, capability)
    }
  }
  prctl('PR_SET_NO_NEW_PRIVS', PR_SET_NO_NEW_PRIVS, 1)
}

/**
 * Returns a function that replaces this program by the one at `path`, in the same process and environment.
 * The function only returns by throwing SystemError.
 */
export function programToExecute(path: string, args: readonly Uint8Array[]): () => never {
  const texts = [new TextEncoder().encode(path), ...args].map((bytes) => nativeText(bytes))
  const pointers = permanentWords((args.length + 1) * 2)
  for (const [i, text] of texts.slice(1).entries()) {
    pointers[2 * i] = addressLow(text)
    pointers[2 * i + 1] = addressHigh(text)
  }
  const [file, list] = [addressOf(texts[0]), addressOf(pointers)]
  return () => {
    libc.execv(file as never, list as never)
    throw new SystemError('execv', errno())
  }
}

/**
 * A file without a name, in memory, for text that the program passes to the one that replaces it: its
 * descriptor stays open across execve. `name`: shown in /proc. Throws SystemError.
 */
export function newMemoryFile(name: string): number {
  const words = cString(name)
  const file = libc.memfd_create(addressOf(words) as never, 0)
  if (file < 0) throw new SystemError('memfd_create', errno())
  return file
}

/** For C, with a zero at its end; permanent, because only its address is used. */
function nativeText(bytes: Uint8Array): Int32Array<ArrayBuffer> {
  const words = permanentWords(Math.ceil((bytes.length + 1) / 4))
  new Uint8Array(words.buffer).set(bytes)
  return words
}

function boundingSet(): number[] {
  const found: number[] = []
  for (let capability = 0; capability < CAPABILITIES_MAX; capability++) {
    const has = libc.prctl(PR_CAPBSET_READ, capability, 0, 0, 0)
    if (has < 0) break
    if (has === 1) found.push(capability)
  }
  return found
}

function mayDropBounds(): boolean {
  return ((readSets()[EFFECTIVE] >>> CAP_SETPCAP) & 1) === 1
}

function readSets(): Int32Array {
  const sets = nativeWords(SET_WORDS)
  const failed = libc.capget(headerAddress as never, addressOf(sets) as never)
  if (failed < 0) throw new SystemError('capget', errno())
  return sets
}

function writeSets(sets: Int32Array<ArrayBufferLike>): void {
  const failed = libc.capset(headerAddress as never, addressOf(sets) as never)
  if (failed < 0) throw new SystemError('capset', errno())
}

function prctl(name: string, option: number, argument: number): number {
  const result = libc.prctl(option, argument, 0, 0, 0)
  if (result < 0) throw new SystemError(`prctl ${name}`, errno())
  return result
}

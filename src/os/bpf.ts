// Programs in the kernel, their maps, and what they are attached to, by the system call bpf. Used by src/xdp.
// Everything is a descriptor: with the process it is gone. Making maps and loading programs needs rights; the other
// calls need none (since Linux 5.19), so they also work after rights were dropped.
import { SystemError } from './error.ts'
import { addressHigh, addressLow, addressOf, cString, errno, libc, nativeWords } from './ffi.ts'
import {
  BPF_LINK_CREATE,
  BPF_LINK_DETACH,
  BPF_MAP_CREATE,
  BPF_MAP_DELETE_ELEM,
  BPF_MAP_UPDATE_ELEM,
  BPF_OBJ_GET_INFO_BY_FD,
  BPF_PROG_LOAD,
  BPF_PROG_TYPE_XDP,
  BPF_XDP,
  SYS_BPF,
} from './kernel.ts'

/** union bpf_attr: as long as the longest member that is used here. */
const ATTRIBUTE_WORDS = 32
const NAME_BYTES_MAX = 15
/** Of a program that the kernel refuses: it says at which instruction and why. */
const LOG_BYTES = 65536
const LICENSE = 'Apache-2.0'
// struct bpf_link_info: 0 type u32 │ 4 id u32 │ 8 program u32 │ 16 card u32, 0 once it is detached │ …
const LINK_INFO_WORDS = 16
const LINK_INFO_CARD = 4

export interface MapOptions {
  readonly name: string
  readonly type: number
  readonly keyBytes: number
  readonly valueBytes: number
  readonly entries: number
  readonly flags?: number
}

/** Returns its descriptor. Throws SystemError. */
export function createMap(options: MapOptions): number {
  const attribute = nativeWords(ATTRIBUTE_WORDS)
  attribute[0] = options.type
  attribute[1] = options.keyBytes
  attribute[2] = options.valueBytes
  attribute[3] = options.entries
  attribute[4] = options.flags ?? 0
  writeName(attribute, 7, options.name)
  return check(`bpf (map ${options.name})`, bpf(BPF_MAP_CREATE, attribute))
}

/** Throws SystemError. */
export function updateMap(
  map: number,
  key: Int32Array<ArrayBuffer>,
  value: Int32Array<ArrayBuffer>,
): void {
  const attribute = keyAttribute(map, key)
  writePointer(attribute, 4, value)
  check('bpf (map update)', bpf(BPF_MAP_UPDATE_ELEM, attribute, key, value))
}

/** Throws SystemError. */
export function deleteFromMap(map: number, key: Int32Array<ArrayBuffer>): void {
  check('bpf (map delete)', bpf(BPF_MAP_DELETE_ELEM, keyAttribute(map, key), key))
}

/** Returns its descriptor. Throws SystemError, with the verifier's last words. */
export function loadProgram(name: string, instructions: Int32Array): number {
  const code = nativeWords(instructions.length)
  code.set(instructions)
  const license = cString(LICENSE)
  const attribute = nativeWords(ATTRIBUTE_WORDS)
  attribute[0] = BPF_PROG_TYPE_XDP
  attribute[1] = instructions.length / 2
  writePointer(attribute, 2, code)
  writePointer(attribute, 4, license)
  writeName(attribute, 12, name)
  const program = bpf(BPF_PROG_LOAD, attribute, code, license)
  if (program >= 0) return program
  const error = new SystemError('bpf (program)', errno())
  const log = nativeWords(LOG_BYTES / 4)
  attribute[6] = 1
  attribute[7] = LOG_BYTES
  writePointer(attribute, 8, log)
  bpf(BPF_PROG_LOAD, attribute, code, license, log)
  const said = new TextDecoder().decode(new Uint8Array(log.buffer)).replace(/\0.*$/s, '').trim()
  if (said !== '') error.message += `\n${said}`
  throw error
}

/** Has the card run the program until the link is closed. Returns the link's descriptor. Throws SystemError. */
export function attachProgram(program: number, card: number, flags: number): number {
  const attribute = nativeWords(ATTRIBUTE_WORDS)
  attribute[0] = program
  attribute[1] = card
  attribute[2] = BPF_XDP
  attribute[3] = flags
  return check('bpf (link)', bpf(BPF_LINK_CREATE, attribute))
}

/** At once; closing the descriptor alone may take the kernel a moment. */
export function detachProgram(link: number): void {
  const attribute = nativeWords(ATTRIBUTE_WORDS)
  attribute[0] = link
  bpf(BPF_LINK_DETACH, attribute)
  libc.close(link)
}

/** Whether somebody else has taken the program from its card; false if the kernel does not tell. */
export function isDetached(link: number): boolean {
  const attribute = nativeWords(ATTRIBUTE_WORDS)
  const info = nativeWords(LINK_INFO_WORDS)
  attribute[0] = link
  attribute[1] = LINK_INFO_WORDS * 4
  writePointer(attribute, 2, info)
  return bpf(BPF_OBJ_GET_INFO_BY_FD, attribute, info) === 0 && info[LINK_INFO_CARD] === 0
}

function keyAttribute(map: number, key: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const attribute = nativeWords(ATTRIBUTE_WORDS)
  attribute[0] = map
  writePointer(attribute, 2, key)
  return attribute
}

function writePointer(at: Int32Array, index: number, view: Int32Array<ArrayBuffer>): void {
  at[index] = addressLow(view)
  at[index + 1] = addressHigh(view)
}

function writeName(attribute: Int32Array<ArrayBuffer>, word: number, name: string): void {
  new Uint8Array(attribute.buffer).set(
    new TextEncoder().encode(name.slice(0, NAME_BYTES_MAX)),
    word * 4,
  )
}

/** `used`: what `attribute` points to, named after the call so that the engine keeps it until then. */
function bpf(
  command: number,
  attribute: Int32Array<ArrayBuffer>,
  ...used: readonly Int32Array[]
): number {
  const bytes = ATTRIBUTE_WORDS * 4
  const result = libc.syscall(SYS_BPF, command, addressOf(attribute) as never, bytes, 0)
  return used.length < 0 ? -1 : result
}

function check(call: string, result: number): number {
  if (result < 0) throw new SystemError(call, errno())
  return result
}

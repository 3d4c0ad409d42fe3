// Assembles programs for the kernel's BPF machine from named instructions, and prints them. Used by program.ts,
// once per network card at startup.
//
//  An instruction: 0 operation u8 │ 1 destination, source: 4 bits each │ 2 offset s16 │ 4 immediate s32
//  (Linux, Documentation/bpf/standardization/instruction-set.rst)

/** 0 the result │ 1…5 arguments, which calls overwrite │ 6…9 kept over calls │ 10 the end of the stack. */
export type Register = 'r0' | 'r1' | 'r2' | 'r3' | 'r4' | 'r5' | 'r6' | 'r7' | 'r8' | 'r9' | 'r10'

/** In bytes. */
export type Width = 1 | 2 | 4 | 8

interface Instruction {
  readonly operation: number
  readonly destination: Register
  readonly source: Register | number
  readonly offset: number
  readonly immediate: number
  /** The label that `offset` leads to. */
  readonly target: string | null
  /** What it says in a listing; '' for the second half of the one before. */
  readonly text: string
}

// Classes and their operations.
const MOVE_REGISTER = 0xbf
const MOVE_NUMBER = 0xb7
const ADD_NUMBER = 0x07
const AND_NUMBER = 0x57
const SHIFT_RIGHT = 0x77
const TO_BIG_ENDIAN = 0xdc
const LOAD = 0x61
const STORE_NUMBER = 0x62
const STORE_REGISTER = 0x63
const LOAD_64 = 0x18
const ATOMIC_ADD_64 = 0xdb
const JUMP = 0x05
const JUMP_IF_EQUAL = 0x15
const CALL = 0x85
const EXIT = 0x95
/** Of 32-bit comparisons with a number, and of 64-bit ones with a register. */
const WITH_NUMBER = 0x06
const WITH_REGISTER = 0x0d
const COMPARISONS = { '==': 0x10, '!=': 0x50, '>': 0x20, '<': 0xa0 } as const

/** Of LOAD and the stores: added to those of four bytes. */
const WIDTHS: Readonly<Record<Width, number>> = { 4: 0x00, 2: 0x08, 1: 0x10, 8: 0x18 }
/** `source` of LOAD_64: the number is the descriptor of a map. */
const MAP_DESCRIPTOR = 1

export const HELPERS = { map_lookup_elem: 1, redirect_map: 51 } as const

export class Assembler {
  private readonly instructions: Instruction[] = []
  private readonly labels = new Map<string, number>()

  label(name: string): void {
    if (this.labels.has(name)) throw new Error(`the label ${name} stands twice`)
    this.labels.set(name, this.instructions.length)
  }

  move(to: Register, from: Register | number): void {
    const text = `${to} = ${from}`
    if (typeof from === 'number') this.push(MOVE_NUMBER, to, { immediate: from, text })
    else this.push(MOVE_REGISTER, to, { source: from, text })
  }

  add(to: Register, number: number): void {
    this.push(ADD_NUMBER, to, { immediate: number, text: `${to} += ${number}` })
  }

  and(to: Register, number: number): void {
    this.push(AND_NUMBER, to, { immediate: number, text: `${to} &= ${hex(number)}` })
  }

  shiftRight(to: Register, bits: number): void {
    this.push(SHIFT_RIGHT, to, { immediate: bits, text: `${to} >>= ${bits}` })
  }

  /** Between the order of packets and that of the machine, either way. */
  swapBytes16(to: Register): void {
    this.push(TO_BIG_ENDIAN, to, { immediate: 16, text: `${to} = be16 ${to}` })
  }

  load(width: Width, to: Register, base: Register, offset: number): void {
    const text = `${to} = ${place(width, base, offset)}`
    this.push(LOAD + WIDTHS[width], to, { source: base, offset, text })
  }

  store(width: Width, base: Register, offset: number, from: Register | number): void {
    const text = `${place(width, base, offset)} = ${typeof from === 'number' ? hex(from) : from}`
    const at = { offset, text }
    if (typeof from === 'number')
      this.push(STORE_NUMBER + WIDTHS[width], base, { ...at, immediate: from })
    else this.push(STORE_REGISTER + WIDTHS[width], base, { ...at, source: from })
  }

  /** Adds to eight bytes that others may add to at the same time. */
  atomicAdd(base: Register, offset: number, from: Register): void {
    const text = `lock ${place(8, base, offset)} += ${from}`
    this.push(ATOMIC_ADD_64, base, { source: from, offset, text })
  }

  loadMap(to: Register, descriptor: number, name: string): void {
    const text = `${to} = map ${name}`
    this.push(LOAD_64, to, { source: MAP_DESCRIPTOR, immediate: descriptor, text })
    this.push(0, 'r0', { text: '' })
  }

  /** Compares the lower 32 bits with a number, or all with a register; unsigned. */
  jumpIf(
    left: Register,
    comparison: keyof typeof COMPARISONS,
    right: Register | number,
    target: string,
  ): void {
    const isNumber = typeof right === 'number'
    const shown = isNumber ? hex(right) : right
    const text = `if ${isNumber ? left.replace('r', 'w') : left} ${comparison} ${shown} goto ${target}`
    const operation = COMPARISONS[comparison] | (isNumber ? WITH_NUMBER : WITH_REGISTER)
    if (isNumber) this.push(operation, left, { immediate: right, target, text })
    else this.push(operation, left, { source: right, target, text })
  }

  /** Compares all 64 bits with 0, as the verifier demands for what may be no address. */
  jumpIfNull(register: Register, target: string): void {
    this.push(JUMP_IF_EQUAL, register, { target, text: `if ${register} == 0 goto ${target}` })
  }

  jump(target: string): void {
    this.push(JUMP, 'r0', { target, text: `goto ${target}` })
  }

  call(helper: keyof typeof HELPERS): void {
    this.push(CALL, 'r0', { immediate: HELPERS[helper], text: `call ${helper}` })
  }

  exit(): void {
    this.push(EXIT, 'r0', { text: 'exit' })
  }

  /** As the kernel takes it: two words each. */
  words(): Int32Array {
    const words = new Int32Array(this.instructions.length * 2)
    for (const [i, instruction] of this.instructions.entries()) {
      const { operation, destination, source, immediate } = instruction
      const registers = numberOf(destination) | (numberOf(source) << 4)
      words[i * 2] = operation | (registers << 8) | (this.offsetOf(instruction, i) << 16)
      words[i * 2 + 1] = immediate
    }
    return words
  }

  /** For people. */
  listing(): string {
    const lines: string[] = []
    for (const [i, { text }] of this.instructions.entries()) {
      for (const [label, at] of this.labels) if (at === i) lines.push(`${label}:`)
      if (text !== '') lines.push(`${String(i).padStart(4)}  ${text}`)
    }
    return `${lines.join('\n')}\n`
  }

  private offsetOf({ target, offset }: Instruction, at: number): number {
    if (target === null) return offset
    const to = this.labels.get(target)
    if (to === undefined) throw new Error(`there is no label ${target}`)
    return to - at - 1
  }

  private push(
    operation: number,
    destination: Register,
    rest: Pick<Instruction, 'text'> & Partial<Instruction>,
  ): void {
    const none = { source: 0, offset: 0, immediate: 0, target: null }
    this.instructions.push({ operation, destination, ...none, ...rest })
  }
}

function numberOf(register: Register | number): number {
  return typeof register === 'number' ? register : Number(register.slice(1))
}

function place(width: Width, base: Register, offset: number): string {
  const sign = offset < 0 ? '-' : '+'
  return `*(u${width * 8} *)(${base} ${sign} ${Math.abs(offset)})`
}

function hex(number: number): string {
  return number > -10 && number < 10 ? String(number) : `0x${(number >>> 0).toString(16)}`
}

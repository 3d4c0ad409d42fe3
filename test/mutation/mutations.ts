// The small faults that a test should notice: lists them for a source file. Used by mutate.ts. Pure.
//
// A mutation replaces one piece of the text: a comparison, a constant, a condition, a statement, an
// operator, the order of two arguments. Types, messages of errors and what decides which process gets
// a signal stay as they are.
import { isFunction, line, type Node, type Source, walk } from '../tidy/source.ts'

export interface Mutation {
  readonly path: string
  readonly line: number
  readonly kind: string
  /** Where the text is replaced. */
  readonly start: number
  readonly end: number
  readonly replacement: string
  /** The lines it changes, before and after, each as one line with single spaces. */
  readonly before: string
  readonly after: string
  /** Tells it from all others, and stays the same while other lines change. */
  readonly key: string
}

interface Change {
  readonly kind: string
  readonly node: Node
  readonly replacement: string
}

/** Each operator and what it becomes. */
const OPERATORS: Readonly<Record<string, readonly [kind: string, other: string]>> = {
  '<': ['comparison', '<='],
  '<=': ['comparison', '<'],
  '>': ['comparison', '>='],
  '>=': ['comparison', '>'],
  '===': ['comparison', '!=='],
  '!==': ['comparison', '==='],
  '&&': ['logic', '||'],
  '||': ['logic', '&&'],
  '+': ['arithmetic', '-'],
  '-': ['arithmetic', '+'],
  '*': ['arithmetic', '/'],
  '/': ['arithmetic', '*'],
  '%': ['arithmetic', '*'],
  '&': ['arithmetic', '|'],
  '|': ['arithmetic', '&'],
  '<<': ['arithmetic', '>>>'],
  '>>>': ['arithmetic', '<<'],
  '>>': ['arithmetic', '<<'],
  '^': ['arithmetic', '&'],
  '+=': ['arithmetic', '-='],
  '-=': ['arithmetic', '+='],
  '++': ['arithmetic', '--'],
  '--': ['arithmetic', '++'],
}

/** Syntax that holds an expression although its name begins with TS. */
const TYPED_EXPRESSIONS = /^TS(As|Satisfies|NonNull|TypeAssertion)/

export function mutationsOf(source: Source): Mutation[] {
  const seen = new Map<string, number>()
  return changesOf(source).map(({ kind, node, replacement }) => {
    const { path, text } = source
    const [start, end] = [at(node), to(node)]
    const from = text.lastIndexOf('\n', start - 1) + 1
    const newline = text.indexOf('\n', end)
    const until = newline === -1 ? text.length : newline
    const before = oneLine(text.slice(from, until))
    const after = oneLine(text.slice(from, start) + replacement + text.slice(end, until))
    const plain = keyOf(path, before, after)
    const times = (seen.get(plain) ?? 0) + 1
    seen.set(plain, times)
    const key = times === 1 ? plain : keyOf(`${path} (${times})`, before, after)
    return { path, line: line(node), kind, start, end, replacement, before, after, key }
  })
}

/** `place`: the path, with a number behind it where one file has several of the same text. */
export function keyOf(place: string, before: string, after: string): string {
  return `${place}\n- ${before}\n+ ${after}`
}

export function applied(text: string, { start, end, replacement }: Mutation): string {
  return text.slice(0, start) + replacement + text.slice(end)
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

function at(node: Node): number {
  return node.start as number
}

function to(node: Node): number {
  return node.end as number
}

function changesOf({ text, program }: Source): Change[] {
  const found: Change[] = []
  walk(program, (node, parents) => {
    if (parents.some(isLeftAlone) || isLeftAlone(node)) return
    found.push(...changesAt(node, parents[parents.length - 1], text))
  })
  // The list must not hold anything that changes nothing.
  return found.filter(({ node, replacement }) => text.slice(at(node), to(node)) !== replacement)
}

function isLeftAlone(node: Node): boolean {
  const { type } = node
  if (type === 'ImportDeclaration' || type === 'ThrowStatement') return true
  if (type.startsWith('TS')) return !TYPED_EXPRESSIONS.test(type)
  if (isFunction(node)) return returnTypeOf(node) === 'TSNeverKeyword'
  return type === 'CallExpression' && isKill(node.callee as Node)
}

function isKill(callee: Node): boolean {
  const name = callee.type === 'MemberExpression' ? (callee.property as Node) : callee
  return name.type === 'Identifier' && name.name === 'kill'
}

function returnTypeOf(node: Node): string | undefined {
  const annotation = node.returnType as Node | undefined
  return (annotation?.typeAnnotation as Node | undefined)?.type
}

function changesAt(node: Node, parent: Node | undefined, text: string): Change[] {
  if (isFunction(node)) return bodyChanges(node)
  switch (node.type) {
    case 'BinaryExpression':
    case 'LogicalExpression':
    case 'AssignmentExpression':
      return operatorChanges(node, text)
    case 'UpdateExpression':
      return updateChanges(node, text)
    case 'UnaryExpression':
      return node.operator === '!'
        ? [replaced('logic', node, text.slice(at(node) + 1, to(node)))]
        : []
    case 'NumericLiteral':
      return numberChanges(node)
    case 'BooleanLiteral':
      return [replaced('constant', node, node.value === true ? 'false' : 'true')]
    case 'IfStatement':
    case 'ConditionalExpression':
    case 'WhileStatement':
    case 'DoWhileStatement':
    case 'ForStatement':
      return conditionChanges(node)
    case 'ExpressionStatement':
      return isSuper(node) ? [] : [replaced('removed statement', node, emptyFor(parent))]
    case 'ReturnStatement':
      return node.argument === null ? [replaced('removed return', node, '{}')] : []
    case 'BreakStatement':
    case 'ContinueStatement':
      return parent?.type === 'SwitchCase' ? [] : [replaced('removed return', node, '{}')]
    case 'CallExpression':
    case 'NewExpression':
      return callChanges(node, text)
    default:
      return []
  }
}

function replaced(kind: string, node: Node, replacement: string): Change {
  return { kind, node, replacement }
}

function textOf(text: string, node: unknown): string {
  return text.slice(at(node as Node), to(node as Node))
}

function operatorChanges(node: Node, text: string): Change[] {
  const operator = node.operator as string
  const [kind, other] = OPERATORS[operator] ?? []
  const left = node.left as Node
  const right = node.right as Node
  if (kind === undefined || other === undefined || isText(left) || isText(right)) return []
  const between = text.slice(to(left), at(right))
  const changed = between.replace(operator, () => other)
  // From the node's own ends: its parts end before a bracket that belongs to them.
  const [before, after] = [text.slice(at(node), to(left)), text.slice(at(right), to(node))]
  return [replaced(kind, node, before + changed + after)]
}

/** What + joins and does not add. */
function isText({ type, left, operator }: Node): boolean {
  if (type === 'BinaryExpression' && operator === '+') return isText(left as Node)
  return type === 'StringLiteral' || type === 'TemplateLiteral'
}

function updateChanges(node: Node, text: string): Change[] {
  const operator = node.operator as string
  const [kind, other] = OPERATORS[operator]
  const argument = textOf(text, node.argument)
  const isPrefix = node.prefix === true
  return [replaced(kind, node, isPrefix ? other + argument : argument + other)]
}

function numberChanges(node: Node): Change[] {
  const value = node.value as number
  return [replaced('constant', node, String(Number.isInteger(value) ? value + 1 : value * 2))]
}

function conditionChanges(node: Node): Change[] {
  const test = node.test as Node | null
  if (test === null || test.type === 'BooleanLiteral') return []
  return ['true', 'false'].map((value) => replaced('condition', test, value))
}

/** Something has to be left there: a branch without braces, or a line that the next one would join. */
function emptyFor(parent: Node | undefined): string {
  return parent?.type === 'BlockStatement' || parent?.type === 'Program' ? ';' : '{}'
}

function isSuper(statement: Node): boolean {
  const { type, callee } = statement.expression as Node
  return type === 'CallExpression' && (callee as Node).type === 'Super'
}

/** A function that gives nothing back, and does nothing. */
function bodyChanges(node: Node): Change[] {
  const body = node.body as Node
  const isEmpty = body.type !== 'BlockStatement' || (body.body as Node[]).length === 0
  if (isEmpty || returnTypeOf(node) !== 'TSVoidKeyword') return []
  return [replaced('early return', body, '{}')]
}

function callChanges(node: Node, text: string): Change[] {
  const callee = textOf(text, node.callee)
  const other = MIN_AND_MAX[callee]
  if (other !== undefined) return [replaced('arithmetic', node.callee as Node, other)]
  const changes: Change[] = []
  if (callee === 'Math.imul') return changes
  const list = node.arguments as Node[]
  for (let i = 0; i + 1 < list.length; i++) {
    const [first, second] = [list[i], list[i + 1]]
    if (first.type === 'SpreadElement' || second.type === 'SpreadElement') continue
    const between = text.slice(to(first), at(second))
    const swapped = textOf(text, second) + between + textOf(text, first)
    const both = { ...first, type: 'Arguments', start: at(first), end: to(second) } as Node
    changes.push(replaced('swapped arguments', both, swapped))
  }
  return changes
}

const MIN_AND_MAX: Readonly<Record<string, string>> = {
  'Math.min': 'Math.max',
  'Math.max': 'Math.min',
}

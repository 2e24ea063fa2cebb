"""Programs that want out, or to stay: each with the kinds of failure that it may end in."""

from __future__ import annotations

EVIL = "{ toString() { for (;;); }, get stack() { for (;;); }, get message() { for (;;); } }"
"""A value that computes for ever when it is made into text."""

SPINS: dict[str, str] = {
    "a loop": "export default async function run() { while (true) {} }",
    "a loop behind an await": "export default async (ctx) => { await ctx.echo(1); for (;;); }",
    "a loop while modules are evaluated": "for (;;); export default () => 1",
    "a loop of microtasks": "export default async () => { for (;;) await 1; }",
    "a chain of promises": "const go = () => Promise.resolve().then(go); export default () => go()",
    "queueMicrotask for ever": (
        "const go = () => queueMicrotask(go); export default () => { go(); "
        "return new Promise(() => {}); }"
    ),
    "a regex": "export default () => /(a+)+$/.test('a'.repeat(40) + 'b')",
    "a regex behind an await": (
        "export default async (ctx) => { await ctx.echo(1); "
        "return 'a'.repeat(30).match(/(a|aa|a*)*b/); }"
    ),
    "sort with a comparison that never ends": "export default () => [2, 1].sort(() => { for (;;); })",
    "a getter of the result": "export default () => ({ get x() { for (;;); } })",
    "toJSON of the result": "export default () => ({ toJSON() { for (;;); } })",
    "toJSON of an argument": "export default (ctx) => ctx.echo({ toJSON() { for (;;); } })",
    "a thenable that loops": "export default async () => await { then() { for (;;); } }",
    "catching the interruption": (
        "export default async () => { for (;;) { try { for (;;); } catch {} finally { for (;;); } } }"
    ),
    "catching it as a rejection": (
        "const spin = async () => { await { then() { for (;;); } } };"
        "export default () => spin().catch(() => { for (;;); })"
    ),
    "a thrown value that loops as text": f"export default () => {{ throw {EVIL} }}",
    "a module that throws one": f"throw {EVIL}; export default () => 1",
    "a rejection that loops as text": f"export default () => Promise.reject({EVIL})",
    "a line of the console that loops": f"export default () => console.log({EVIL})",
    "generators that wait for each other": (
        "export default () => { const g = function* () { for (;;) yield* h(); };"
        "const h = function* () { yield 1; }; for (const x of g()); }"
    ),
    "a native over a list with a length of its own": (
        "export default () => { for (;;) Array.prototype.reverse.call([1, 2, 3]); }"
    ),
    "a long search again and again": (
        "const s = 'x'.repeat(1e6); export default () => { for (;;) s.indexOf('y'.repeat(1000)); }"
    ),
}
"""They end at the deadline, and nowhere else."""

GREEDY: dict[str, str] = {
    "an endless iterator": "export default () => [...{ *[Symbol.iterator]() { for (;;) yield; } }]",
    "a list that grows": "export default () => { const a = []; for (;;) a.push('x'.repeat(9999) + a.length); }",
    "a text that doubles": "export default () => { let s = 'x'; for (;;) s += s; }",
    "a typed array": "export default () => new Uint8Array(1e9).length",
    "a list behind an await": "export default async (c) => { await c.echo(1); return Array(1e8).fill(1); }",
    "objects": "export default () => { let o = {}; for (;;) o = { o, a: [1, 2, 3] }; }",
    "a map": "export default () => { const m = new Map(); for (let i = 0; ; i++) m.set(i, {}); }",
    "promises": "export default async () => { const p = []; for (;;) p.push(new Promise(() => {})); }",
    "closures": "export default () => { const f = []; for (let i = 0; ; i++) f.push(() => i); }",
    "catching that there is no more": (
        "export default () => { const a = []; for (;;) { try { for (;;) a.push('x'.repeat(9e5) + a.length); }"
        " catch { } } }"
    ),
    "symbols": "export default () => { const s = []; for (let i = 0; ; i++) s.push(Symbol('x' + i)); }",
    "a regex with captures": "export default () => /(?=(a+))\\1b/.test('a'.repeat(3e7))",
}
"""They end for want of memory, or at the deadline."""

DEEP: dict[str, str] = {
    "a function that calls itself": "export default function run() { return run(); }",
    "a getter that asks itself": "export default () => { const o = { get x() { return o.x; } }; return o.x; }",
    "deep JSON": "export default () => JSON.parse('['.repeat(1e6))",
    "a deep result": "export default () => { let o = {}; for (let i = 0; i < 1e5; i++) o = { o }; return o; }",
    "a deep regex": "export default () => new RegExp('('.repeat(1e5) + ')'.repeat(1e5))",
    "deep source": f"export default () => {'(' * 50_000}1{')' * 50_000}",
    "toString that asks itself": "export default () => { const o = { toString() { return `${o}`; } }; return `${o}`; }",
}
"""They end because they nest too deeply."""

REFUSED: dict[str, str] = {
    "import": "import fs from 'fs'; export default () => 1",
    "import of a file": "import x from './x.js'; export default () => 1",
    "dynamic import": "export default () => import('fs')",
    "dynamic import of std": "export default () => import('std')",
    "dynamic import of os": "export default () => import('qjs:os')",
    "eval": "export default () => eval('1')",
    "indirect eval": "export default () => (0, globalThis.eval)('1')",
    "Function": "export default () => Function('return 1')()",
    "new Function": "export default () => new Function('return 1')()",
    "the constructor of a function": "export default () => (() => {}).constructor('return 1')()",
    "the constructor of an async function": "export default () => (async () => {}).constructor('return 1')()",
    "the constructor of a generator": "export default () => (function* () {}).constructor('yield 1')()",
    "the constructor of an async generator": (
        "export default () => (async function* () {}).constructor('yield 1')()"
    ),
    "the constructor by reflection": (
        "export default () => Reflect.construct(Object.getPrototypeOf(() => {}).constructor, ['return 1'])"
    ),
    "a class above Function": (
        "export default () => { class F extends (() => {}).constructor {} return new F('return 1')(); }"
    ),
    "fetch": "export default () => fetch('http://127.0.0.1/')",
    "WebSocket": "export default () => new WebSocket('ws://127.0.0.1/')",
    "Worker": "export default () => new Worker('x.js')",
    "XMLHttpRequest": "export default () => new XMLHttpRequest()",
    "require": "export default () => require('fs')",
    "process": "export default () => process.env",
    "std": "export default () => std.open('/etc/passwd', 'r')",
    "os": "export default () => os.exec(['true'])",
    "Proxy": "export default () => new Proxy({}, {})",
    "SharedArrayBuffer": "export default () => new SharedArrayBuffer(8)",
    "Atomics": "export default () => Atomics.wait()",
    "WeakRef": "export default () => new WeakRef({})",
    "a finaliser": "export default () => new FinalizationRegistry(() => {})",
    "setTimeout": "export default () => setTimeout(() => {}, 0)",
    "an extended promise": (
        "class P extends Promise {} export default () => new P((r) => r(1)).then((x) => x)"
    ),
    "a list with more items than there is room": (
        "export default () => Array.prototype.reverse.call({ length: 2 ** 53 - 1 })"
    ),
    "a list whose length is asked": (
        "export default () => Array.prototype.join.call({ get length() { return 1; } })"
    ),
    "texts that are too long to be compared": (
        "export default () => 'x'.repeat(3e7).indexOf('x'.repeat(1.5e7) + 'y')"
    ),
}
"""They fail as programs do: what they want is not there."""

LAST_WORDS: dict[str, str] = {
    "a microtask that throws": f"queueMicrotask(() => {{ throw {EVIL} }}); export default () => 1",
    "a species of promises": (
        "const p = Promise.resolve(1); const value = { [Symbol.species]: function (f) "
        f"{{ f(() => {{ throw {EVIL} }}, () => {{ throw {EVIL} }}); }} }};"
        "Object.defineProperty(p, 'constructor', { value });"
        "try { p.then((x) => x); } catch {} export default () => 1"
    ),
    "the species of all promises": (
        f"const evil = function (f) {{ f(() => {{ throw {EVIL} }}, () => {{ throw {EVIL} }}); }};"
        "try { Object.defineProperty(Promise, Symbol.species, { value: evil }); } catch {}"
        "try { Promise.prototype.constructor = { [Symbol.species]: evil }; } catch {}"
        "Promise.resolve(1).then((x) => x); export default () => 1"
    ),
    "a promise with another prototype": (
        f"const p = Promise.resolve(1); Object.setPrototypeOf(p, {{ __proto__: Promise.prototype, "
        f"constructor: {{ [Symbol.species]: function (f) {{ f(() => {{ throw {EVIL} }}, () => {{}}); }} }} }});"
        "try { p.then((x) => x); } catch {} export default () => 1"
    ),
    "finally of a species": (
        "const p = Promise.resolve(1); const value = { [Symbol.species]: function (f) "
        f"{{ f(() => {{ throw {EVIL} }}, () => {{ throw {EVIL} }}); }} }};"
        "Object.defineProperty(p, 'constructor', { value });"
        "try { Promise.prototype.finally.call(p, () => 1); } catch {} export default () => 1"
    ),
    "all of another kind": (
        f"try {{ Promise.all.call(function (f) {{ f(() => {{ throw {EVIL} }}, () => {{ throw {EVIL} }}); }},"
        " [Promise.resolve(1)]); } catch {} export default () => 1"
    ),
    "errors that are written by the author": (
        "try { Error.prototype.toString = () => { for (;;); }; } catch {}"
        "try { InternalError.prototype.toString = () => { for (;;); }; } catch {}"
        "try { Object.defineProperty(Error.prototype, 'message', { get() { for (;;); } }); } catch {}"
        "try { Object.defineProperty(InternalError.prototype, 'name', { get() { for (;;); } }); } catch {}"
        "Object.prototype[Symbol.toPrimitive] = () => { for (;;); };"
        "export default () => { while (true) {} }"
    ),
    "traces that are written by the author": (
        f"try {{ Error.prepareStackTrace = () => ({EVIL}); }} catch {{}}"
        "try { Error.stackTraceLimit = { valueOf() { for (;;); } }; } catch {}"
        "export default () => { while (true) {} }"
    ),
}
"""What the engine writes about them would run code of theirs, where no limit holds."""

// The world of a script, made before anything of the author runs. Gives the one function through
// which the engine and the world talk; the author can reach neither it nor what it keeps.
//
// Three rules hold everywhere below. What it uses was taken from the intrinsics at the start, so
// that nothing the author changes later changes it. It never calls a method of, iterates over, or
// assigns into an object whose prototype the author can change. And no value of the author ever
// leaves as an exception: the engine would turn it into text, which runs code of the author where
// no limit holds.
(function () {
  'use strict';
  const { parse, stringify } = JSON;
  const { apply, ownKeys } = Reflect;
  const { create, defineProperty, freeze, getOwnPropertyDescriptor, getPrototypeOf } = Object;
  const { isArray } = Array;
  const ThisPromise = Promise, ThisError = Error, ThisRangeError = RangeError;
  const ThisTypeError = TypeError, text = String;
  const proto = ThisPromise.prototype;
  const has = Object.prototype.hasOwnProperty;
  const then = proto.then;
  const joined = Array.prototype.join;
  const world = globalThis;

  const fixed = (object, key, value, enumerable = false) =>
    defineProperty(object, key, { __proto__: null, value, enumerable, writable: false, configurable: false });
  const put = (object, key, value) =>
    defineProperty(object, key, { __proto__: null, value, enumerable: false, writable: true, configurable: true });
  const named = (name, method) => {
    defineProperty(method, 'name', { __proto__: null, value: name, configurable: true });
    return method;
  };

  // What cannot be had: other code than the source, other threads, callbacks outside of any limit.
  const absent = ['eval', 'Proxy', 'SharedArrayBuffer', 'Atomics', 'WeakRef', 'FinalizationRegistry'];
  for (let i = 0; i < absent.length; i++) delete world[absent[i]];
  const makers = [
    function () {}, async function () {}, function* () {}, async function* () {},
  ];
  for (let i = 0; i < makers.length; i++) {
    const place = getPrototypeOf(makers[i]);
    const maker = named(place.constructor.name, function () {
      throw new ThisTypeError('code cannot be made from text in a program');
    });
    if (i === 0) {
      fixed(maker, 'prototype', place);
      put(world, 'Function', maker);
    }
    fixed(place, 'constructor', maker);
  }

  // Errors keep their form, whatever the author does: the engine writes those of its own as text.
  const lockErrors = (kind) => {
    const shared = kind.prototype;
    const keys = ownKeys(shared);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      const own = getOwnPropertyDescriptor(shared, key);
      if (!own.configurable || !has_(own, 'value') || key === 'constructor') continue;
      const value = own.value;
      defineProperty(shared, key, {
        __proto__: null, enumerable: false, configurable: false,
        get() { return value; },
        set(other) {
          if (this === shared) throw new ThisTypeError(`${text(key)} of all errors cannot be changed`);
          defineProperty(this, key, { __proto__: null, value: other, enumerable: false, writable: true, configurable: true });
        },
      });
    }
    if (shared === ThisError.prototype) fixed(shared, Symbol.toPrimitive, undefined);
    freeze(shared);
  };
  const has_ = (object, key) => apply(has, object, [key]);
  fixed(ThisError, 'prepareStackTrace', undefined);
  fixed(ThisError, 'stackTraceLimit', 10);
  const kinds = [
    ThisError, EvalError, ThisRangeError, ReferenceError, SyntaxError, ThisTypeError, URIError,
    InternalError, AggregateError, SuppressedError, DOMException,
  ];
  for (let i = 0; i < kinds.length; i++) lockErrors(kinds[i]);

  // Promises are the engine's own, so that what runs as a job is, too.
  const sound = (promise) => getPrototypeOf(promise) === proto && !has_(promise, 'constructor');
  const soundThen = named('then', function (fulfilled, rejected) {
    if ((typeof this !== 'object' && typeof this !== 'function') || this === null || !sound(this)) {
      throw new ThisTypeError('promises cannot be extended in a program');
    }
    return apply(then, this, [fulfilled, rejected]);
  });
  fixed(proto, 'then', soundThen);
  fixed(proto, 'constructor', ThisPromise);
  freeze(ThisPromise);
  const settled = ThisPromise.resolve();
  put(world, 'queueMicrotask', named('queueMicrotask', function (callback) {
    if (typeof callback !== 'function') throw new ThisTypeError('queueMicrotask needs a function');
    apply(then, settled, [() => { callback(); }]);
  }));

  // Natives that go on for long without looking at the clock. Each passes of a loop below lets the
  // engine look, so that the time they take counts; what would take minutes is refused.
  const MOST_ITEMS = 16777216, MOST_COMPARISONS = 4294967296;
  const toll = (amount) => { for (let i = amount / 256; i > 0; i--); };
  const items = (object) => {
    if (typeof object === 'string') return object.length;
    if (typeof object !== 'object' && typeof object !== 'function' || object === null) return 0;
    const own = getOwnPropertyDescriptor(object, 'length');
    if (own !== undefined && has_(own, 'value')) {
      const length = +(typeof own.value === 'object' ? NaN : own.value);
      if (length <= MOST_ITEMS) return length;
      if (length !== length) throw new ThisTypeError('length is no number');
    } else if (own === undefined && (ArrayBuffer.isView(object) || !('length' in object))) {
      return 0;
    }
    throw new ThisRangeError(`a list here has at most ${MOST_ITEMS} items`);
  };
  const guardList = (key) => {
    const native = Array.prototype[key];
    put(Array.prototype, key, named(key, function (...args) {
      toll(items(this));
      if (key === 'concat') for (let i = 0; i < args.length; i++) toll(isObject(args[i]) ? items(args[i]) : 0);
      return apply(native, this, args);
    }));
  };
  const isObject = (value) => typeof value === 'object' && value !== null;
  const lists = [
    'concat', 'copyWithin', 'fill', 'flat', 'join', 'reverse', 'shift', 'slice', 'sort', 'splice',
    'toReversed', 'toSorted', 'toSpliced', 'unshift', 'with',
  ];
  for (let i = 0; i < lists.length; i++) guardList(lists[i]);
  const guardText = (key) => {
    const native = String.prototype[key];
    put(String.prototype, key, named(key, function (...args) {
      if (typeof this === 'string' && typeof args[0] === 'string') {
        const comparisons = this.length * args[0].length;
        if (comparisons > MOST_COMPARISONS) throw new ThisRangeError(`the texts are too long for ${key}`);
        toll(comparisons / 16);
      }
      return apply(native, this, args);
    }));
  };
  const texts = ['includes', 'indexOf', 'lastIndexOf', 'replace', 'replaceAll', 'split'];
  for (let i = 0; i < texts.length; i++) guardText(texts[i]);

  // The mailbox. `out` is what has been asked and not yet fetched, as the inside of a JSON array.
  const MOST_CALLS = 4096;
  let out = '', last = 0, answered = 0, done = '', limit = 0;
  const waiting = create(null);
  const shown = create(null);
  let room = 0, dropped = 0, lines = '';

  const ask = (name, args) => {
    const body = stringify(args);
    if (typeof body !== 'string' || body[0] !== '[') {
      throw new ThisTypeError(`${name}: arguments have to be plain values`);
    }
    if (body.length > limit) throw new ThisRangeError(`${name}: the arguments are too large`);
    if (out.length > limit || last - answered >= MOST_CALLS) {
      throw new ThisRangeError(`${name}: too many calls at once`);
    }
    const id = ++last;
    const pair = create(null);
    waiting[id] = pair;
    out += `${out === '' ? '' : ','}[${id},${stringify(name)},${body}]`;
    return new ThisPromise((resolve, reject) => {
      pair.resolve = resolve;
      pair.reject = reject;
    });
  };
  const settle = (row) => {
    const id = row[0], pair = waiting[id];
    delete waiting[id];
    if (row[1]) return pair.resolve(row[2]);
    const error = new ThisError(row[2]);
    put(error, 'stack', '');
    pair.reject(error);
  };
  const drained = () => {
    const calls = out;
    out = '';
    return `{"calls":[${calls}],"done":${done === '' ? 'null' : done}}`;
  };

  // How a value looks as text, for the console and for what was thrown. Runs code of the author.
  const look = (value) => {
    if (typeof value === 'string') return value;
    try {
      if (value instanceof ThisError) return text(value);
      if (typeof value === 'object' && value !== null) {
        const body = stringify(value);
        if (typeof body === 'string') return body;
      }
      return text(value);
    } catch {
      return `[${typeof value}]`;
    }
  };
  const print = (level) => named(level, function (...args) {
    let line = '';
    for (let i = 0; i < args.length; i++) {
      if (line.length > room) break;
      line += (i === 0 ? '' : ' ') + look(args[i]);
    }
    if (room <= 0) {  // also for an empty line, of which there could be millions
      dropped += line.length;
      return;
    }
    const kept = line.length > room ? cut(line, room) : line;
    dropped += line.length - kept.length;
    if (kept === '' && line !== '') return;
    room -= kept.length + 1;
    lines += `${lines === '' ? '' : ','}[${stringify(level)},${stringify(kept)}]`;
  });
  const slice = String.prototype.slice;
  const cut = (line, most) => apply(slice, line, [0, most > 0 ? most : 0]);
  const console = {};
  const levels = ['log', 'info', 'warn', 'error', 'debug'];
  for (let i = 0; i < levels.length; i++) put(console, levels[i], print(levels[i]));
  put(world, 'console', console);

  const finish = (kind, body) => {
    if (done === '') done = `{"kind":${stringify(kind)},${body},"console":[${lines}],"dropped":${dropped}}`;
  };
  const succeed = (value) => {
    let body;
    try {
      body = stringify(value === undefined ? null : value);
    } catch (error) {
      return finish('value', `"message":${stringify(`what run() returned is no plain value: ${first(error)}`)}`);
    }
    if (typeof body !== 'string') return finish('value', '"message":"what run() returned is no plain value"');
    if (body.length > limit) return finish('value', `"message":"what run() returned is larger than ${limit} characters"`);
    finish('ok', `"value":${body}`);
  };
  const first = (error) => {
    let said = '';
    try { said = look(error); } catch { said = `[${typeof error}]`; }
    return cut(said, 2000);
  };
  const fail = (error) => {
    let trace = '';
    try {
      const stack = error instanceof ThisError ? error.stack : '';
      if (typeof stack === 'string') trace = cut(stack, 4000);
    } catch { trace = ''; }
    finish('exception', `"message":${stringify(first(error))},"trace":${stringify(trace)}`);
  };

  // Calls of the author's run, once its module has been evaluated.
  const a3s_start = (space, inputs, names) => {
    const own = getOwnPropertyDescriptor(space, 'default') ?? getOwnPropertyDescriptor(space, 'a3s:run');
    const run = own && own.value;
    if (typeof run !== 'function') return finish('no_run', '"message":""');
    const ctx = {};
    for (let i = 0; i < names.length; i++) give(ctx, names[i]);
    try {
      const given = run(ctx, inputs);
      apply(then, async_(given), [succeed, fail]);
    } catch (error) {
      fail(error);
    }
  };
  const async_ = async (value) => value;
  const split = String.prototype.indexOf;
  const give = (ctx, name) => {
    const dot = apply(split, name, ['.']);
    const fn = named(name, (...args) => ask(name, args));
    if (dot < 0) return defineProperty(ctx, name, { __proto__: null, value: fn, enumerable: true, writable: true, configurable: true });
    const group = cut(name, dot), inner = apply(slice, name, [dot + 1]);
    if (!has_(ctx, group)) ctx[group] = {};
    defineProperty(ctx[group], inner, { __proto__: null, value: fn, enumerable: true, writable: true, configurable: true });
  };

  // The binding knows no text that is kept in pieces.
  const flat = (line) => apply(joined, [line], ['']);

  // `begin` is told what to run with; `answer` brings answers; `stuck` ends what waits for nothing.
  // Each gives what is to be done next.
  return function (step, given) {
    try {
      const told = given === '' ? null : parse(given);
      if (step === 'begin') {
        limit = told[2];
        room = told[3];
        const module = import('<input>');
        apply(then, module, [(space) => a3s_start(space, told[0], told[1]), fail]);
      } else if (step === 'answer') {
        for (let i = 0; i < told.length; i++) {
          answered++;
          settle(told[i]);
        }
      } else if (step === 'stuck') {
        finish('stuck', `"message":${stringify(told)}`);
      }
      return flat(drained());
    } catch (error) {
      return flat(`{"broken":${stringify(first(error))}}`);
    }
  };
})()

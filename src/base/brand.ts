/** A type the compiler keeps apart from others of the same shape: `Brand<number, 'UnixSeconds'>`. */
export type Brand<T, Name extends string> = T & { readonly __brand: Name }

"""Prime numbers for the key exchange."""

from random import Random


def prime(generator: Random, bits: int) -> int:
    """Return a prime of so many bits, at most 31."""
    while True:
        number = generator.randrange(1 << (bits - 1), 1 << bits) | 1
        # Miller-Rabin with these bases is exact below 3.2e9.
        if all(_passes(number, base) for base in (2, 3, 5, 7)):
            return number


def _passes(number: int, base: int) -> bool:
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    power = pow(base, odd, number)
    if power in (1, number - 1):
        return True
    for _ in range(twos - 1):
        power = power * power % number
        if power == number - 1:
            return True
    return False

import numpy as np
import pytest
import torch

from merge.weights.floats import LIMITS, decode, encode

DTYPES = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32, "F64": torch.float64}


@pytest.mark.parametrize("code", ["BF16", "F16"])
def test_all_numbers_of_16_bits_are_read_exactly_and_written_back(code: str) -> None:
    bits = np.arange(2**16, dtype=np.uint16)

    values = decode(bits.tobytes(), code)
    written = np.frombuffer(encode(values, code), np.uint16)

    theirs = torch.from_numpy(bits.astype(np.int32).astype(np.int16)).view(DTYPES[code])
    assert torch.equal(torch.from_numpy(values).nan_to_num(7), theirs.float().nan_to_num(7))
    number = ~np.isnan(values)
    assert (written[number] == bits[number]).all()
    assert np.isnan(decode(written.tobytes(), code)[~number]).all()


@pytest.mark.parametrize(
    ("code", "dtype"),
    [
        *((code, np.float32) for code in DTYPES),
        *((code, np.float64) for code in DTYPES if code != "F16"),  # torch rounds twice there
    ],
)
def test_numbers_are_rounded_to_nearest_even_as_torch_does(code: str, dtype: type) -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate(
        [
            rng.standard_normal(20_000) * 10.0 ** rng.integers(-12, 5, 20_000),
            (rng.integers(0, 2**16, 5_000) * 2.0**16 + 2.0**15),  # ties of bfloat16
            [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, 65519.9, 65520.0, 3.3961775e38],
        ]
    ).astype(dtype)

    ours = torch.frombuffer(bytearray(encode(values, code)), dtype=DTYPES[code])

    theirs = torch.from_numpy(values).to(DTYPES[code])
    assert torch.equal(ours.isnan(), theirs.isnan())
    assert torch.equal(ours.nan_to_num(7), theirs.nan_to_num(7))
    assert torch.equal(ours.signbit()[~ours.isnan()], theirs.signbit()[~theirs.isnan()])


@pytest.mark.parametrize("code", ["BF16", "F16"])
def test_a_limit_is_the_smallest_size_that_rounds_to_infinity(code: str) -> None:
    limit = LIMITS[code]
    below = np.nextafter(np.float32(limit), np.float32(0))

    assert np.isinf(decode(encode(np.array([limit], np.float32), code), code)).all()
    assert np.isfinite(decode(encode(np.array([below], np.float32), code), code)).all()

import pytest
import torch

from action_recog.networks.nonlocal_block import NonLocalBlock

PAIRWISE = ["embedded", "gaussian", "dot"]


def _trained(pairwise: str, *, subsample: bool = True, channels: int = 6) -> NonLocalBlock:
    """A block with weights large enough to matter, in float64."""
    torch.manual_seed(3)
    block = NonLocalBlock(channels, pairwise=pairwise, subsample=subsample).double()
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.5)
        block.bn.running_mean.normal_()
        block.bn.running_var.uniform_(0.5, 2.0)
    return block.eval()


@pytest.mark.parametrize("pairwise", PAIRWISE)
def test_a_new_block_is_the_identity(pairwise):
    block = NonLocalBlock(8, pairwise=pairwise)
    clip = torch.randn(2, 8, 3, 4, 5)
    assert torch.equal(block.train()(clip), clip)
    assert torch.equal(block.eval()(clip), clip)


@pytest.mark.parametrize("subsample", [True, False])
@pytest.mark.parametrize("pairwise", PAIRWISE)
def test_equals_a_loop_over_positions(pairwise, subsample):
    block = _trained(pairwise, subsample=subsample)
    clip = torch.randn(2, 6, 2, 4, 6, dtype=torch.float64)
    found = block(clip)

    def at(convolution, vector):  # a 1x1x1 convolution at one position
        return convolution.weight[:, :, 0, 0, 0] @ vector + convolution.bias

    for b in range(2):
        if subsample:
            seen = [
                clip[b, :, t, y : y + 2, x : x + 2].amax(dim=(1, 2))
                for t in range(2)
                for y in range(0, 4, 2)
                for x in range(0, 6, 2)
            ]
        else:
            seen = [clip[b, :, t, y, x] for t in range(2) for y in range(4) for x in range(6)]
        for t in range(2):
            for y in range(4):
                for x in range(6):
                    here = clip[b, :, t, y, x]
                    if pairwise == "gaussian":
                        scores = torch.stack([here @ there for there in seen])
                    else:
                        scores = torch.stack(
                            [at(block.theta, here) @ at(block.phi, there) for there in seen]
                        )
                    if pairwise == "dot":
                        weights = scores / len(seen)
                    else:
                        scale = 3**-0.5 if pairwise == "embedded" else 1.0
                        weights = torch.exp(scores * scale) / torch.exp(scores * scale).sum()
                    gathered = sum(w * at(block.g, there) for w, there in zip(weights, seen))
                    z = at(block.out, gathered)
                    bn = block.bn
                    z = (z - bn.running_mean) / torch.sqrt(bn.running_var + bn.eps)
                    expected = here + z * bn.weight + bn.bias
                    torch.testing.assert_close(found[b, :, t, y, x], expected)


@pytest.mark.parametrize("pairwise", ["embedded", "gaussian"])
def test_rows_of_the_attention_sum_to_one(pairwise):
    weights = _trained(pairwise).weights(torch.randn(2, 6, 3, 4, 4, dtype=torch.float64))
    assert weights.shape == (2, 3 * 4 * 4, 3 * 2 * 2)
    torch.testing.assert_close(weights.sum(2), torch.ones(2, 48, dtype=torch.float64))


def test_every_position_reaches_every_other_in_space_and_time():
    block = _trained("embedded")
    clip = torch.randn(1, 6, 4, 4, 4, dtype=torch.float64, requires_grad=True)
    block(clip)[0, :, 0, 0, 0].sum().backward()
    reached = clip.grad[0].abs().sum(0)
    # every frame and every 2x2 cell passes something on (max pooling picks one position a channel)
    cells = reached.reshape(4, 2, 2, 2, 2).sum(dim=(2, 4))
    assert (cells > 0).all()


def test_subsampling_takes_odd_sizes():
    clip = torch.randn(1, 6, 1, 3, 5, dtype=torch.float64)
    assert _trained("embedded")(clip).shape == clip.shape

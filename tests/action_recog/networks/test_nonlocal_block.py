import pytest
import torch

from action_recog.networks.nonlocal_block import NonLocalBlock

PAIRWISE = ["embedded", "gaussian", "dot", "concatenation"]


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
                    if pairwise == "concatenation":  # equation 4: ReLU(w_f . [theta, phi])
                        w_f = block.pair.weight[0]
                        scores = torch.stack(
                            [
                                torch.relu(
                                    w_f @ torch.cat([at(block.theta, here), at(block.phi, there)])
                                )
                                for there in seen
                            ]
                        )
                    elif pairwise == "gaussian":
                        scores = torch.stack([here @ there for there in seen])
                    else:
                        scores = torch.stack(
                            [at(block.theta, here) @ at(block.phi, there) for there in seen]
                        )
                    if pairwise in ("dot", "concatenation"):
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


def test_a_map_of_one_row_is_not_pooled_where_odd_rows_are_left_out():
    block = NonLocalBlock(6, ceil_pool=False)
    assert block.weights(torch.randn(1, 6, 2, 1, 4)).shape == (1, 8, 8)
    assert block.weights(torch.randn(1, 6, 2, 3, 5)).shape == (1, 30, 4)


def _written_out(block: NonLocalBlock, clip: torch.Tensor) -> torch.Tensor:
    """The block with its weights in memory: their product with g."""
    attended = clip if block.pool is None else block.pool(clip)
    if block.pool_projections:
        values = block.pool(block.g(clip)).flatten(2).transpose(1, 2)
    else:
        values = block.g(attended).flatten(2).transpose(1, 2)
    gathered = (block.weights(clip) @ values).transpose(1, 2)
    gathered = gathered.reshape(len(clip), block.inner_channels, *clip.shape[2:])
    return clip + block.bn(block.out(gathered))


@pytest.mark.parametrize("pool_projections", [False, True])
@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("pairwise", PAIRWISE)
def test_lean_attention_and_its_gradients_equal_those_of_weights_in_memory(
    pairwise, scale, pool_projections
):
    block = _trained(pairwise, channels=16)
    block.scale, block.pool_projections = scale, pool_projections
    results = []
    for function in (block, lambda clip: _written_out(block, clip)):
        block.zero_grad()
        generator = torch.Generator().manual_seed(0)
        clip = torch.randn(2, 16, 3, 6, 4, dtype=torch.float64, generator=generator)
        clip.requires_grad_()
        output = function(clip)
        output.backward(torch.randn(output.shape, dtype=torch.float64, generator=generator))
        results.append([output.detach(), clip.grad, *(p.grad for p in block.parameters())])
    for lean, expected in zip(*results, strict=True):
        torch.testing.assert_close(lean, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("pairwise", ["embedded", "gaussian", "dot"])
def test_a_step_keeps_no_weights_between_all_positions(pairwise):
    """Nothing that the backward pass keeps is as large as the positions squared."""
    block = NonLocalBlock(4, pairwise=pairwise, subsample=False)
    clip = torch.randn(1, 4, 4, 16, 16, requires_grad=True)
    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: sizes.append(tensor.numel()) or tensor, lambda tensor: tensor
    ):
        block(clip)
    positions = 4 * 16 * 16
    assert max(sizes) < positions**2 / 8

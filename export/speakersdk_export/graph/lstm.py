"""An LSTM layer as one ONNX operator.

The translation by torch would fix the number of frames to that of the trace.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class OnnxLstm(nn.Module):
    """A replacement of a one-layer bidirectional `nn.LSTM` (batch first) during the trace."""

    weight: Tensor
    recurrence: Tensor
    bias: Tensor

    def __init__(self, lstm: nn.LSTM) -> None:
        super().__init__()
        if not (lstm.bidirectional and lstm.batch_first and lstm.bias) or lstm.num_layers != 1:
            raise ValueError(f"expected one bidirectional, batch-first layer with bias, got {lstm}")
        self.units = lstm.hidden_size
        weights = dict(lstm.named_parameters())

        def both_directions(name: str) -> Tensor:
            forward, backward = weights[f"{name}_l0"], weights[f"{name}_l0_reverse"]
            return torch.stack([_onnx_gate_order(forward), _onnx_gate_order(backward)]).detach()

        self.register_buffer("weight", both_directions("weight_ih"))  # (2, 4 units, inputs)
        self.register_buffer("recurrence", both_directions("weight_hh"))  # (2, 4 units, units)
        bias = torch.cat([both_directions("bias_ih"), both_directions("bias_hh")], dim=1)
        self.register_buffer("bias", bias)  # (2, 8 units)

    def forward(self, features: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Map (B, k, inputs) to (B, k, 2 units), and last states and cells of (2, B, units)."""
        batch, frames, _ = features.shape
        last_shape = (2, batch, self.units)
        hidden, last, cells = torch.onnx.ops.symbolic_multi_out(
            "LSTM",
            (features.transpose(0, 1), self.weight, self.recurrence, self.bias),
            attrs={"hidden_size": self.units, "direction": "bidirectional"},
            dtypes=(torch.float32, torch.float32, torch.float32),
            shapes=((frames, 2, batch, self.units), last_shape, last_shape),
        )
        joined = torch.cat([hidden[:, 0], hidden[:, 1]], dim=2)  # (k, B, 2 units)
        return joined.transpose(0, 1), (last, cells)


def _onnx_gate_order(stacked: Tensor) -> Tensor:
    """Reorder gates along axis 0: input, forget, cell, output -> input, output, forget, cell."""
    into, forget, cell, output = stacked.chunk(4)
    return torch.cat([into, output, forget, cell])

using Dino.Gpu.Data.Rows;
using Dino.Gpu.Features;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Tests.Support;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Tests.Features;

/// <summary>Registers are tokens of the model; what is made of patches leaves them out.</summary>
public sealed class RegisterTests
{
    private const int Hidden = 32;

    [Theory]
    [InlineData("dinov2", 0)]
    [InlineData("dinov2_reg", 4)]
    [InlineData("dinov3_gated", 4)]
    public void Patches_begin_after_the_registers(string model, int registers)
    {
        var shape = new VitShape(FamilyModel.Load(model).Config, 64, 48);
        int patches = shape.PatchCount, tokens = shape.TokenCount;
        Assert.Equal(1 + registers + patches, tokens);
        Assert.Equal(patches, shape.RowCount(Rows.Patches));

        const DinoOutputs All = DinoOutputs.ClassToken | DinoOutputs.LastHiddenState | DinoOutputs.PatchGrid | DinoOutputs.Registers;
        var selection = new OutputSelection(shape, All, new DinoLayers());
        ForwardRequest request = selection.Request(2);
        Assert.Equal(1, request.AllTokens);
        var kept = ForwardOutput.Allocate(shape, request);
        for (int i = 0; i < kept.Tokens.Length; i++)
            kept.Tokens[i] = i / Hidden; // the number of the row
        DinoOutput output = selection.Output(kept, request);

        Assert.Equal(registers, output.RegisterCount);
        Assert.Equal([2, registers, Hidden], output.Registers!.Shape);
        Assert.Equal(Enumerable.Range(1, registers).Select(row => (float)(tokens + row)), FirstColumn(output.Registers.Data, registers));
        Assert.Equal([2, shape.GridHeight, shape.GridWidth, Hidden], output.PatchGrid!.Shape);
        float[] expected = [.. Enumerable.Range(1 + registers, patches).Select(row => (float)(tokens + row))];
        Assert.Equal(expected, FirstColumn(output.PatchGrid.Data, patches));

        float[] pooled = new float[2 * Hidden];
        Pooling.Parse("cls+mean")!.Apply(output, 1, pooled);
        Assert.Equal((tokens, expected.Average()), (pooled[0], pooled[Hidden]));
        Assert.Equal(expected, LayoutRows("patches"));
        Assert.Equal(Enumerable.Range(tokens, tokens).Select(row => (float)row), LayoutRows("tokens"));
        if (registers > 0)
            Assert.Equal(FirstColumn(output.Registers.Data, registers), LayoutRows("registers"));

        float[] LayoutRows(string name)
        {
            var layout = new RowLayout(OutputKind.Parse(name)!, false, Hidden, shape.GridHeight, shape.GridWidth, registers);
            float[] row = new float[layout.Length];
            layout.Copy(output, 1, row);
            return [.. row.Chunk(Hidden).Select(token => token[0])];
        }
    }

    [Theory]
    [InlineData("dinov2", 0)]
    [InlineData("dinov2_reg", 4)]
    public void Features_of_a_layer_leave_them_out(string model, int registers)
    {
        var shape = new VitShape(FamilyModel.Load(model).Config, 56, 42);
        var selection = new OutputSelection(shape, DinoOutputs.Keys, new DinoLayers { Keys = [1] });
        ForwardRequest request = selection.Request(1);
        var kept = ForwardOutput.Allocate(shape, request);
        float[] keys = kept[OutputPart.Keys];
        for (int i = 0; i < keys.Length; i++)
            keys[i] = i / Hidden;
        PatchFeatures features = PatchFeatures.Of(selection.Output(kept, request), PatchFeature.Keys, 0, 0, shape.GridWidth);
        Assert.Equal((3, 4), (features.GridHeight, features.GridWidth));
        Assert.Equal(
            Enumerable.Range(1 + registers, 12).Select(row => (float)row), features.Values.ToArray().Chunk(Hidden).Select(row => row[0]));
    }

    /// <summary>The first column of the second picture's rows.</summary>
    private static IEnumerable<float> FirstColumn(float[] values, int rows) =>
        values.Skip(rows * Hidden).Chunk(Hidden).Select(row => row[0]);
}

using System.Text;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Model;

/// <summary>Honest files with bytes changed at random: whatever comes of it, it is weights or one line.</summary>
public sealed class MutatedCheckpointTests : IDisposable
{
    private const int Rounds = 200;

    private readonly CheckpointFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("tiny_hf.bin", 0, 6200)]
    [InlineData("tiny_hf.bin", -3600, 0)]
    [InlineData("tiny_hf_legacy.bin", 0, 7600)]
    [InlineData("tiny_dino_full.pth", 0, 8000)]
    public void Changed_bytes_never_surprise(string name, int from, int to)
    {
        byte[] whole = File.ReadAllBytes(GoldenData.PathOf("checkpoints", name));
        File.Copy(GoldenData.PathOf("checkpoints", "config.json"), _folder["config.json"]);
        Mutate(whole, from < 0 ? whole.Length + from : from, to == 0 ? whole.Length : to);
    }

    [Fact]
    public void Changed_safetensors_headers_never_surprise()
    {
        byte[] whole = SafetensorsFile.Of(CheckpointLayout.Dino, TinyModels.Dino).ToArray();
        Mutate(whole, 0, 8 + (int)BitConverter.ToInt64(whole));
    }

    [Fact]
    public void A_state_dict_with_attributes_loads()
    {
        // nn.Module.state_dict() hangs _metadata on its OrderedDict, which arrives as a BUILD after the items.
        byte[] pickle = new PickleBuilder().Protocol().Import("collections", "OrderedDict").Op(')').Op('R').Op('(')
            .Text("cls_token").Tensor("0", 4, 0, [1, 1, 4], [4, 4, 1]).Op('u')
            .Op('}').Text("_metadata").Import("collections", "OrderedDict").Op(')').Op('R').Op('s').Op('b').Op('.').ToArray();
        string path = _folder.Write("a.bin", PickleBuilder.Archive(pickle, ("0", new byte[16])));
        Assert.Equal("cls_token", Assert.Single(CheckpointInfo.Read(path).Tensors).Name);
    }

    private void Mutate(byte[] whole, int from, int to)
    {
        var random = new Random(12345);
        int refused = 0;
        for (int round = 0; round < Rounds; round++)
        {
            byte[] mutated = [.. whole];
            var changes = new StringBuilder();
            for (int i = random.Next(1, 4); i > 0; i--)
            {
                int position = random.Next(from, to);
                mutated[position] = random.Next(3) == 0 ? (byte)0xFF : (byte)random.Next(256);
                changes.Append($" {position}={mutated[position]}");
            }

            string path = _folder.Write("mutated.bin", mutated);
            try
            {
                Checkpoint.Load(path);
            }
            catch (DinoException e)
            {
                refused++;
                Assert.DoesNotContain(e.Message, char.IsControl);
            }
            catch (Exception e)
            {
                Assert.Fail($"round {round},{changes}: {e}");
            }
        }

        Assert.InRange(refused, Rounds / 4, Rounds);
    }
}

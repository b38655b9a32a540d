using Dino.Gpu.Devices;
using Dino.Gpu.Tests.Data.Inputs;

namespace Dino.Gpu.Tests.Devices;

/// <summary>The switch that leaves ILGPU out of encoders on the CPU. It is one of the process, so no other test runs meanwhile.</summary>
[Collection(AloneCollection.Name)]
public sealed class DirectSwitchTests
{
    [Theory]
    [InlineData("cpu")]
    [InlineData("auto")]
    public void The_CPU_of_an_encoder_is_direct_where_the_switch_says_so(string spec)
    {
        AppContext.SetSwitch(DinoDevice.DirectSwitch, true);
        try
        {
            using DinoDevice encoder = DinoDevice.Open(spec, threads: 2, mayBeDirect: true);
            using DinoDevice other = DinoDevice.Open(spec, threads: 2);
            Assert.Equal(encoder.Info.Id == "cpu", encoder.IsDirect);
            Assert.False(other.IsDirect);
        }
        finally
        {
            AppContext.SetSwitch(DinoDevice.DirectSwitch, false);
        }
    }
}
